"""A job that the GPU of no worker can hold is refused as it is submitted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from unittest.mock import AsyncMock

import grpc
import pytest

from kinolog.models.catalogue import TINY, Catalogue, ModelEntry, with_family
from kinolog.models.memory.needs import GIB
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.workers import MemoryNeed, WorkerReport
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
WAN = with_family(ModelEntry(name="wan", source="/models/wan", pipeline="WanPipeline"))
NEED = MemoryNeed(least_bytes=2 * GIB, bytes_per_pixel=290.0)
LARGE = pb.SubmitJobRequest(prompt=PROMPT, model="wan", width=1280, height=720, frames=81)
SMALL = pb.SubmitJobRequest(prompt=PROMPT, model="wan", width=320, height=240, frames=81)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api with a model that was measured."""
    async with running_api(catalogue=Catalogue([TINY, WAN], TINY.name)) as running:
        yield running


async def _report(
    api: RunningApi, name: str, memory_gib: int, *, need: MemoryNeed | None = NEED, device: str = "cuda:0"
) -> None:
    await api.workers.report(
        WorkerReport(
            name=name,
            device=device,
            hardware="test",
            models=("wan",),
            loaded_models=(),
            started_at=AT,
            seen_at=AT,
            memory_total_bytes=memory_gib * GIB,
            memory_needs={"wan": need} if need else {},
        )
    )


async def test_a_job_that_fits_no_worker_is_refused_with_the_figure(api: RunningApi) -> None:
    """Smaller videos are accepted. In a batch the others are stored. A larger worker that comes is asked at once."""
    await _report(api, "one", 8)
    await _report(api, "two", 16)
    problem = await refused(api.jobs.SubmitJob(LARGE))
    assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MEMORY_TOO_SMALL")
    assert problem.fields == {
        "width": "wan needs at least 20.2 GiB of GPU memory for this, and the largest of its workers has 16.0 GiB: ask "
        "for a smaller or a shorter video"
    }
    batch = pb.BatchSubmitJobsRequest(requests=[LARGE, SMALL])
    results = (await api.jobs.BatchSubmitJobs(batch)).results
    assert [bool(result.job_id) for result in results] == [False, True]
    await _report(api, "three", 24)
    assert (await api.jobs.SubmitJob(LARGE)).created


async def test_scenes_are_held_one_by_one(api: RunningApi) -> None:
    """A long video of short scenes fits where one shot of its length does not."""
    await _report(api, "one", 16)
    scenes = [pb.SceneRequest(prompt="a fox") for _ in range(4)]
    request = pb.SubmitJobRequest(model="wan", width=1280, height=720, frames=84, scenes=scenes)
    assert (await api.jobs.SubmitJob(request)).created


@pytest.mark.parametrize(
    ("need", "device", "memory_gib"), [(None, "cuda:0", 8), (NEED, "cpu", 8), (NEED, "cuda:0", 0)]
)
async def test_what_is_not_known_refuses_nothing(
    api: RunningApi, need: MemoryNeed | None, device: str, memory_gib: int
) -> None:
    """A worker that could not measure the model, or whose memory is not known, or a CPU, may hold it."""
    await _report(api, "small", 8)
    await _report(api, "unknown", memory_gib, need=need, device=device)
    assert (await api.jobs.SubmitJob(LARGE)).created


async def test_without_workers_or_their_registry_nothing_is_refused(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry is no part of a submit: it may be away."""
    assert (await api.jobs.SubmitJob(LARGE)).created
    monkeypatch.setattr(api.workers, "present_workers", AsyncMock(side_effect=LogUnavailable("away")))
    assert (await api.jobs.SubmitJob(LARGE)).created


async def test_a_repeated_request_finds_its_job_whatever_the_workers_have(api: RunningApi) -> None:
    """A job that was accepted is found again by its request id after its worker has left."""
    await _report(api, "large", 24)
    request = pb.SubmitJobRequest()
    request.CopyFrom(LARGE)
    request.request_id = "once"
    first = await api.jobs.SubmitJob(request)
    await api.workers.deregister("large")
    await _report(api, "small", 8)
    assert (await api.jobs.SubmitJob(request)).job.id == first.job.id
