"""What a tenant's policy refuses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
from kinolog_api.access import get_usage
from kinolog_api.limits import stored_bytes

from kinolog.job.values import Priority
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicies, TenantPolicy
from kinolog.v1 import access_service_pb2 as access
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi, refused, running_api
from tests.fixtures.waits import until_true

POLICIES = TenantPolicies(
    named={
        "small": TenantPolicy(
            priorities=frozenset({Priority.MEDIUM, Priority.LOW}),
            max_job_cost=2,
            max_prompt_characters=40,
            mail_recipients=frozenset({"example.com"}),
        )
    }
)
SMALL = (("x-kinolog-tenant", "small"),)
CLIP: dict[str, Any] = {"width": 128, "height": 128, "frames": 12, "steps": 10}  # costs 2


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api with a tenant that may do little."""
    async with running_api(policies=FollowedPolicies(without_file=POLICIES)) as running:
        yield running


async def test_a_priority_that_is_not_allowed(api: RunningApi) -> None:
    """Neither a new job nor one that waits gets a priority that its tenant may not ask for."""
    urgent = pb.SubmitJobRequest(prompt="A cat.", priority=job_pb2.PRIORITY_CRITICAL, **CLIP)
    problem = await refused(api.jobs.SubmitJob(urgent, metadata=SMALL))
    assert (problem.code, problem.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PRIORITY_NOT_ALLOWED")
    assert "may not ask for the priority critical; it may ask for medium, low" in problem.message
    assert (await api.jobs.SubmitJob(urgent)).created
    usual = pb.SubmitJobRequest(prompt="A cat.", **CLIP)
    batch = await api.jobs.BatchSubmitJobs(
        pb.BatchSubmitJobsRequest(requests=[urgent, usual]), metadata=SMALL
    )
    assert batch.results[0].error.code == grpc.StatusCode.PERMISSION_DENIED.value[0]
    job_id = batch.results[1].job_id
    assert batch.results[1].created
    for call in (
        api.jobs.ReprioritizeJob(
            pb.ReprioritizeJobRequest(job_id=job_id, priority=job_pb2.PRIORITY_HIGH), metadata=SMALL
        ),
        api.jobs.BulkReprioritizeJobs(
            pb.BulkReprioritizeJobsRequest(
                selection=pb.JobSelection(job_ids=[job_id]), priority=job_pb2.PRIORITY_HIGH
            ),
            metadata=SMALL,
        ),
    ):
        assert (await refused(call)).reason == "PRIORITY_NOT_ALLOWED"


async def test_a_job_that_is_too_large(api: RunningApi) -> None:
    """A job beyond the limits of its tenant is refused with the figure. For other tenants it is not."""
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"frames": 24}, "JOB_TOO_COSTLY", "this job costs 4, and a job of this tenant may cost at most 2"),
        ({"interpolate_fps": 16}, "JOB_TOO_COSTLY", "costs 3"),
        ({"prompt": "a" * 41}, "PROMPT_TOO_LONG", "prompt: has 41 characters, .* at most 40"),
        ({"negative_prompt": "a" * 41}, "PROMPT_TOO_LONG", "negative_prompt: has 41"),
        ({"scenes": [pb.SceneRequest(prompt="a" * 21)] * 2}, "PROMPT_TOO_LONG", "scenes: has 42"),
    ]
    for more, reason, words in cases:
        request = pb.SubmitJobRequest(**{"prompt": "A cat.", **CLIP, **more})
        problem = await refused(api.jobs.SubmitJob(request, metadata=SMALL))
        assert problem.reason == reason
        assert re.search(words, problem.message)
        assert (await api.jobs.SubmitJob(request)).created


async def _known(api: RunningApi) -> None:
    """Wait until the api has followed the log to its end."""
    use = api.server.current_use
    end = await api.store.last_position()
    await until_true(lambda: use.is_known and use.position >= end, "the api knows what tenants use")


def _clip(request_id: str = "") -> pb.SubmitJobRequest:
    return pb.SubmitJobRequest(prompt="A cat.", request_id=request_id, **CLIP)


async def _end(api: RunningApi, job_id: str, tenant: tuple[tuple[str, str], ...]) -> None:
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id), metadata=tenant)


async def test_a_full_queue() -> None:
    """The queue takes as many jobs as it may have, also of submits at once. A repeated submit finds its job."""
    policies = TenantPolicies(default=TenantPolicy(max_queued_jobs=5))
    async with running_api(policies=FollowedPolicies(without_file=policies)) as api:
        await _known(api)
        outcomes = await asyncio.gather(
            *(api.jobs.SubmitJob(_clip(f"request-{n}")) for n in range(8)), return_exceptions=True
        )
        stored = [one for one in outcomes if isinstance(one, pb.SubmitJobResponse)]
        assert len(stored) == 5
        problem = await refused(api.jobs.SubmitJob(_clip()))
        assert (problem.code, problem.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
        assert "this tenant has 5 jobs in the queue, and it may have 5: wait" in problem.message
        assert problem.retry_seconds == 30.0
        again = await api.jobs.SubmitJob(_clip(stored[0].job.request_id))
        assert (again.created, again.job.id) == (False, stored[0].job.id)
        assert (await api.jobs.SubmitJob(_clip(), metadata=SMALL)).created
        await _end(api, stored[0].job.id, ())
        await _end(api, stored[1].job.id, ())
        await _known(api)
        batch = await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=[_clip()] * 3))
        assert [result.created for result in batch.results] == [True, True, False]
        retry = pb.RetryJobRequest(job_id=stored[0].job.id)
        assert (await refused(api.jobs.RetryJob(retry))).reason == "QUEUE_FULL"
        await _end(api, batch.results[0].job_id, ())
        await _known(api)
        bulk = pb.BulkRetryJobsRequest(
            selection=pb.JobSelection(job_ids=[stored[0].job.id, stored[1].job.id])
        )
        codes = [result.error.code for result in (await api.jobs.BulkRetryJobs(bulk)).results]
        assert sorted(codes) == [0, grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]]


async def test_the_budget_of_a_day() -> None:
    """Jobs and retries of 24 hours cost at most the budget. An api that starts knows what was spent."""
    followed = FollowedPolicies(without_file=TenantPolicies(default=TenantPolicy(max_cost_per_day=7)))
    async with running_api(policies=followed) as api:
        await _known(api)
        first = await api.jobs.SubmitJob(_clip())
        await _end(api, first.job.id, ())
        await api.jobs.RetryJob(pb.RetryJobRequest(job_id=first.job.id))
        async with running_api(policies=followed, stores_of=api) as second:
            await _known(second)
            assert (await second.jobs.SubmitJob(_clip())).created
            problem = await refused(second.jobs.SubmitJob(_clip()))
        await _known(api)
        assert (await refused(api.jobs.SubmitJob(_clip()))).message == problem.message
        assert (problem.code, problem.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "BUDGET_USED")
        assert (
            "costs 2; of the 7 that the jobs of this tenant may cost in 24 hours 6 are used"
            in problem.message
        )
        assert problem.retry_seconds is not None
        assert 86_000 < problem.retry_seconds <= 86_460
        large = pb.SubmitJobRequest(prompt="A cat.", **{**CLIP, "frames": 64})
        assert (await refused(api.jobs.SubmitJob(large))).reason == "JOB_TOO_COSTLY"
        api.clock.now += timedelta(hours=25)
        assert (await api.jobs.SubmitJob(_clip())).created


async def test_what_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller reads what its tenant uses, and its limits."""
    for module in (get_usage, stored_bytes):
        monkeypatch.setattr(module, "KNOWN_SECONDS", 3_600.0)
    policies = FollowedPolicies(without_file=POLICIES)
    async with running_api(policies=policies) as api:
        await api.jobs.SubmitJob(_clip(), metadata=SMALL)
        usage = await api.access.GetUsage(access.GetUsageRequest(), metadata=SMALL)
        api.read_model.unavailable = True  # what is known is not read again at once
        assert await api.access.GetUsage(access.GetUsageRequest(), metadata=SMALL) == usage
    assert (usage.tenant, usage.queued_jobs, usage.cost_of_day) == ("small", 1, 2)
    assert (usage.limits.max_job_cost, usage.limits.max_prompt_characters) == (2, 40)
    assert not usage.limits.HasField("max_queued_jobs")
    assert list(usage.limits.priorities) == [job_pb2.PRIORITY_MEDIUM, job_pb2.PRIORITY_LOW]


async def test_the_bytes_of_files() -> None:
    """No job is accepted while the files of its tenant have too many bytes."""
    policies = TenantPolicies(default=TenantPolicy(max_artifact_bytes=0))
    async with running_api(policies=FollowedPolicies(without_file=policies)) as api:
        problem = await refused(api.jobs.SubmitJob(_clip()))
        assert (problem.code, problem.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ARTIFACT_BYTES_USED")
        api.read_model.unavailable = True
        other = (("x-kinolog-tenant", "other"),)
        assert (await api.jobs.SubmitJob(_clip(), metadata=other)).created


async def test_the_bytes_of_the_log() -> None:
    """No job is accepted while the commits of its tenant have too many bytes. Erasing jobs makes no room."""
    async with running_api(policies=FollowedPolicies()) as stores:
        first = await stores.jobs.SubmitJob(_clip())
        recorded = [one async for one in stores.store.history(first.job.id)]
        used = sum(len(one.raw) for one in recorded)
        policies = TenantPolicies(default=TenantPolicy(max_log_bytes=used))
        async with running_api(policies=FollowedPolicies(without_file=policies), stores_of=stores) as api:
            problem = await refused(api.jobs.SubmitJob(_clip()))
            assert (problem.code, problem.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "LOG_BYTES_USED")
            assert "ask the operator" in problem.message
            usage = await api.access.GetUsage(access.GetUsageRequest())
            assert (usage.log_bytes, usage.limits.max_log_bytes) == (used, used)


async def test_limits_wait_for_the_read_model() -> None:
    """While nobody knows what a tenant uses, its jobs are accepted; then its limits are in force."""
    followed = FollowedPolicies()
    async with running_api() as stores, running_api(policies=followed, stores_of=stores) as api:
        api.read_model.unavailable = True
        followed.put_in_force(TenantPolicies(default=TenantPolicy(max_queued_jobs=1)))
        assert [(await api.jobs.SubmitJob(_clip())).created for _ in range(2)] == [True, True]
        api.read_model.unavailable = False
        await _known(api)
        assert (await refused(api.jobs.SubmitJob(_clip()))).reason == "QUEUE_FULL"
