"""Variants: one request makes jobs that differ in their seeds, over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest

from kinolog.job.commit import Commit
from kinolog.ports.event_store import AppendConflict, Appended
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicies, TenantPolicy
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.adapters.memory.event_store import MemoryEventStore
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api
from tests.contract.test_api_written_prompts import WRITTEN, ScriptedWriter


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


def _seeds(jobs: list[job_pb2.Job]) -> list[tuple[int, list[int]]]:
    return [(job.spec.seed, [scene.seed for scene in job.scenes]) for job in jobs]


async def _listed(api: RunningApi) -> dict[str, job_pb2.Job]:
    return {job.id: job for job in (await api.jobs.ListJobs(pb.ListJobsRequest())).jobs}


async def test_jobs_beside_each_other(api: RunningApi) -> None:
    """Each has the next seed, in its scenes too, a number, and an end of its own. Lists show the first one's id."""
    scenes = [pb.SceneRequest(prompt="a star", seed=70), pb.SceneRequest(prompt="a ring")]
    request = pb.SubmitJobRequest(prompt=PROMPT, scenes=scenes, seed=5, frames=32, variants=3)
    made = await api.jobs.SubmitJob(request)
    jobs = list(made.variants)
    assert (made.created, made.job) == (True, jobs[0])
    assert made.position == max(job.position for job in jobs)
    assert _seeds(jobs) == [(5, [70, 5]), (6, [71, 6]), (7, [72, 7])]
    assert [(job.variant_of, job.variant) for job in jobs] == [(made.job.id, number) for number in (1, 2, 3)]
    assert len({job.id for job in jobs}) == 3
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=jobs[1].id))
    listed = await _listed(api)
    assert [listed[job.id].status for job in jobs] == [
        job_pb2.STATUS_QUEUED,
        job_pb2.STATUS_CANCELLED,
        job_pb2.STATUS_QUEUED,
    ]
    assert [(listed[job.id].variant_of, listed[job.id].variant) for job in jobs] == [
        (made.job.id, number) for number in (1, 2, 3)
    ]


async def test_commands_for_the_whole_group(api: RunningApi) -> None:
    """A list and a command by filter have the jobs of one request, and no other."""
    made = await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT, variants=3))
    await api.submit()
    group = job_pb2.JobFilter(variant_of=made.job.id)
    found = await api.jobs.ListJobs(pb.ListJobsRequest(filter=group, order_by="created_at asc"))
    assert (len(found.jobs), found.total_size) == (3, 3)
    assert {job.id for job in found.jobs} == {job.id for job in made.variants}
    answer = await api.jobs.BulkCancelJobs(pb.BulkCancelJobsRequest(selection=pb.JobSelection(filter=group)))
    assert {result.job_id for result in answer.results} == {job.id for job in made.variants}
    counts = await api.jobs.SummarizeJobs(pb.SummarizeJobsRequest())
    assert (counts.cancelled, counts.queued) == (3, 1)


async def test_a_single_job_is_no_variant(api: RunningApi) -> None:
    """One variant is a job by itself, as is none."""
    for variants in (0, 1):
        made = await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT, variants=variants))
        assert (made.job.variant_of, made.job.variant, list(made.variants)) == ("", 0, [])


async def test_a_repeated_request_finds_its_jobs(api: RunningApi) -> None:
    """Also those with a drawn seed. Another number of variants is another request."""
    request = pb.SubmitJobRequest(prompt=PROMPT, request_id="takes", variants=2)
    first = await api.jobs.SubmitJob(request)
    seed = first.job.spec.seed
    assert [job.spec.seed for job in first.variants] == [seed, seed + 1]
    again = await api.jobs.SubmitJob(request)
    assert (again.created, list(again.variants)) == (False, list(first.variants))
    for number in (0, 3):
        request.variants = number
        problem = await refused(api.jobs.SubmitJob(request))
        assert (problem.code, problem.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    assert len(await _listed(api)) == 2


async def test_variants_that_an_outage_left_out_are_made_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have the scenes and follow the seed of the first one. The language model is asked once."""
    stored = MemoryEventStore.append

    async def first_only(store: MemoryEventStore, commit: Commit) -> Appended:
        if commit.state.variant > 1:
            raise AppendConflict(commit.job_id, 0)  # and it cannot be read yet
        return await stored(store, commit)

    request = pb.SubmitJobRequest(
        prompt=PROMPT, shots=pb.SHOTS_WRITTEN, duration_seconds=4, request_id="takes", variants=3
    )
    async with running_api(prompt_writer=(writer := ScriptedWriter())) as api:
        with monkeypatch.context() as outage:
            outage.setattr(MemoryEventStore, "append", first_only)
            assert (await refused(api.jobs.SubmitJob(request))).code is grpc.StatusCode.UNAVAILABLE
        (first,) = (await _listed(api)).values()
        jobs = list((await api.jobs.SubmitJob(request)).variants)
    assert len(writer.tasks) == 1
    assert [job.spec.seed - first.spec.seed for job in jobs] == [0, 1, 2]
    for job in jobs:
        assert [scene.prompt for scene in job.scenes] == [shot.prompt for shot in WRITTEN]
        assert (job.spec.prompt_writer, {scene.seed for scene in job.scenes}) == ("llama", {job.spec.seed})


async def test_all_or_none_are_stored() -> None:
    """A tenant with two places left in the queue gets two variants, and none of three."""
    policies = TenantPolicies(default=TenantPolicy(max_queued_jobs=2))
    async with running_api(policies=FollowedPolicies(without_file=policies)) as api:
        problem = await refused(api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT, variants=3)))
        assert (problem.code, problem.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
        assert await _listed(api) == {}
        made = await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT, variants=2))
        assert (await _listed(api)).keys() == {job.id for job in made.variants}


async def test_a_batch_has_no_variants(api: RunningApi) -> None:
    """The error says how to submit them. The other jobs of the batch are stored."""
    requests = [pb.SubmitJobRequest(prompt=PROMPT, variants=number) for number in (2, 1)]
    results = (await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=requests))).results
    assert "submit a job with variants by itself" in results[0].error.SerializeToString().decode("latin-1")
    assert results[1].created
