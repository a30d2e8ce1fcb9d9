"""Submitting through gRPC against a bare echo of the same messages, and in batches."""

from __future__ import annotations

from collections.abc import Callable

import uvloop

from kinolog.v1 import job_service_pb2 as pb
from tests.bench import site
from tests.bench.calls import JobService, job_service, rate, submission, submission_with_own_id
from tests.bench.figures import Aim, Figure, Result, interleaved, paired

AT_ONCE = 64
BATCH = 1_000
BATCHES_AT_ONCE = 2


def measure(quick: bool) -> Result:
    """Measure single and batch submits, and single ones while the projector follows."""
    with site.running({"api"}) as stack, site.helper("echo_server") as echo:
        alone = uvloop.run(_measure(stack.addresses["api"], echo.announced["target"], quick))
    with site.running({"projector", "api"}) as stack, site.helper("echo_server") as echo:
        followed = uvloop.run(_followed(stack.addresses["api"], echo.announced["target"], quick))
    return Result("submit", site.STREAM_DURABILITY, (*alone, followed))


async def _measure(api: str, echo: str, quick: bool) -> list[Figure]:
    pairs, seconds = (2, 1.0) if quick else (4, 2.0)
    async with job_service(api) as ours, job_service(echo) as bare:
        await _submit_rate(ours, 1.0)
        await _submit_rate(bare, 1.0)
        many = await interleaved(
            pairs, lambda: _submit_rate(bare, seconds), lambda: _submit_rate(ours, seconds)
        )
        one = await interleaved(
            pairs, lambda: _submit_rate(bare, seconds / 2, 1), lambda: _submit_rate(ours, seconds / 2, 1)
        )
        own_ids = await interleaved(
            pairs,
            lambda: _submit_rate(bare, seconds, request=submission_with_own_id),
            lambda: _submit_rate(ours, seconds, request=submission_with_own_id),
        )
        batches = await interleaved(
            pairs, lambda: _batch_rate(bare, seconds), lambda: _batch_rate(ours, seconds)
        )
    return [
        paired(f"SubmitJob, {AT_ONCE} in flight", "/s", many, Aim("ratio", "at least", 0.5)),
        paired("SubmitJob, 1 in flight", "/s", one),
        paired(f"SubmitJob, {AT_ONCE} in flight, request ids of the caller", "/s", own_ids),
        paired(
            f"BatchSubmitJobs, {BATCH:,} jobs a call, {BATCHES_AT_ONCE} in flight",
            "jobs/s",
            batches,
            Aim("value", "at least", 10_000),
        ),
    ]


async def _followed(api: str, echo: str, quick: bool) -> Figure:
    """Measure single submits while projector and dispatcher follow on the same cores."""
    pairs, seconds = (1, 1.0) if quick else (4, 2.0)
    async with job_service(api) as ours, job_service(echo) as bare:
        await _submit_rate(ours, 1.0)
        taken = await interleaved(
            pairs, lambda: _submit_rate(bare, seconds), lambda: _submit_rate(ours, seconds)
        )
    return paired(f"SubmitJob, {AT_ONCE} in flight, projector following", "/s", taken)


async def _submit_rate(
    stub: JobService,
    seconds: float,
    at_once: int = AT_ONCE,
    request: Callable[[], pb.SubmitJobRequest] = submission,
) -> float:
    async def submit() -> None:
        await stub.SubmitJob(request())

    return await rate(submit, at_once, seconds)


async def _batch_rate(stub: JobService, seconds: float) -> float:
    async def submit() -> None:
        response = await stub.BatchSubmitJobs(
            pb.BatchSubmitJobsRequest(requests=[submission() for _ in range(BATCH)])
        )
        refused = [result for result in response.results if not result.created]
        if refused:
            raise RuntimeError(f"{len(refused)} jobs of a batch were refused: {refused[0]}")

    return BATCH * await rate(submit, BATCHES_AT_ONCE, seconds)
