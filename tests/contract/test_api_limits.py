"""What a tenant's policy refuses."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from kinolog.job.values import Priority
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicies, TenantPolicy
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi, refused, running_api

POLICIES = TenantPolicies(
    named={
        "small": TenantPolicy(
            priorities=frozenset({Priority.MEDIUM, Priority.LOW}),
            max_job_cost=2,
            max_prompt_characters=40,
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
