"""Authentication and isolation of tenants, over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import grpc
import pytest
from kinolog_api.rpc.authentication import ACTOR_KEY, TENANT_KEY

from kinolog.access.key_text import key_digest
from kinolog.ports.workers import WorkerReport
from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import analytics_service_pb2 as an
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.call_metadata import bearer
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api
from tests.contract.bad_requests import OF_ONE_JOB

OTHER = ((TENANT_KEY, "other"), (ACTOR_KEY, "eve"))
GATEWAY, TEAM = "gateway-key-0123456789", "team-key-0123456789"
KEYS = {
    key_digest(GATEWAY): KeyHolder(),
    key_digest(TEAM): KeyHolder(tenant="team", actor="robot"),
}


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


@pytest.fixture
async def locked() -> AsyncIterator[RunningApi]:
    """An api that requires keys."""
    async with running_api(KEYS) as running:
        yield running


async def test_actor_and_tenant_of_the_metadata(api: RunningApi) -> None:
    """A job belongs to the tenant and actor in the metadata, or to the default tenant and an anonymous actor."""
    theirs = (await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT), metadata=OTHER)).job
    assert (theirs.tenant, theirs.actor) == ("other", "eve")
    mine = (await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT))).job
    assert (mine.tenant, mine.actor) == ("default", "anonymous")


async def test_tenants_are_apart(api: RunningApi) -> None:
    """A tenant cannot find jobs of another tenant by id, in lists, or by the same request id."""
    request = pb.SubmitJobRequest(prompt=PROMPT, request_id="same")
    theirs = (await api.jobs.SubmitJob(request, metadata=OTHER)).job
    mine = (await api.jobs.SubmitJob(request)).job
    assert mine.id != theirs.id
    for name, of_one_job in OF_ONE_JOB:
        problem = await refused(api.method(name)(of_one_job(job_id=theirs.id)))
        assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND"), name
    listed = await api.jobs.ListJobs(pb.ListJobsRequest())
    assert [job.id for job in listed.jobs] == [mine.id]
    selection = pb.JobSelection(job_ids=[theirs.id])
    bulk = await api.jobs.BulkCancelJobs(pb.BulkCancelJobsRequest(selection=selection))
    assert bulk.results[0].error.code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_invalid_metadata(api: RunningApi) -> None:
    """Invalid names are refused. The error names the metadata key."""
    metadata = ((TENANT_KEY, "a/b"), (ACTOR_KEY, "x" * 200))
    problem = await refused(api.jobs.ListModels(pb.ListModelsRequest(), metadata=metadata))
    assert set(problem.fields) == {TENANT_KEY, ACTOR_KEY}


async def test_a_key_is_required(locked: RunningApi) -> None:
    """With a key file a call with no key or a wrong key is UNAUTHENTICATED for every kind of method."""
    for metadata in ((), bearer("wrong-key-0123456789"), (("authorization", GATEWAY),), OTHER):
        for call in (
            locked.jobs.ListModels(pb.ListModelsRequest(), metadata=metadata),
            locked.jobs.WatchJobs(pb.WatchJobsRequest(), metadata=metadata),
            locked.analytics.GetOverview(an.GetOverviewRequest(), metadata=metadata),
        ):
            problem = await refused(call)
            assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_REQUIRED")


async def test_a_key_identifies_the_caller(locked: RunningApi) -> None:
    """A key with a tenant is valid for that tenant only; the gateway's key for the tenant in the metadata."""
    request = pb.SubmitJobRequest(prompt=PROMPT)
    team = (await locked.jobs.SubmitJob(request, metadata=bearer(TEAM, (ACTOR_KEY, "eve")))).job
    assert (team.tenant, team.actor) == ("team", "robot")
    via_gateway = (await locked.jobs.SubmitJob(request, metadata=bearer(GATEWAY, *OTHER))).job
    assert (via_gateway.tenant, via_gateway.actor) == ("other", "eve")
    problem = await refused(locked.jobs.SubmitJob(request, metadata=bearer(TEAM, *OTHER)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OTHER_TENANT")


async def test_workers_are_shared_but_not_their_jobs(api: RunningApi) -> None:
    """All tenants see the workers and their models. Only the tenant of a job sees which worker runs it."""
    theirs = (await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT), metadata=OTHER)).job
    at = datetime(2026, 5, 1, tzinfo=UTC)
    report = WorkerReport(
        name="w1",
        device="cpu",
        hardware="a laptop",
        models=("kinolog-tiny",),
        loaded_models=(),
        started_at=at,
        seen_at=at,
        job_id=theirs.id,
        attempt=1,
    )
    await api.workers.report(report)
    (seen,) = (await api.jobs.ListWorkers(pb.ListWorkersRequest())).workers
    assert (seen.name, seen.job_id, seen.attempt) == ("w1", "", 0)
    (owned,) = (await api.jobs.ListWorkers(pb.ListWorkersRequest(), metadata=OTHER)).workers
    assert (owned.job_id, owned.attempt) == (theirs.id, 1)
    models = (await api.jobs.ListModels(pb.ListModelsRequest())).models
    assert [list(model.workers) for model in models] == [["w1"], []]
