"""Keys of submitted jobs, over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from kinolog_api.rpc.access_tickets import SEALED_UNDER

from kinolog.ids import job_id as job_id_of
from kinolog.privacy.origin_address import ADDRESS_INDEX
from kinolog.privacy.sealer import Sealer, new_key
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.jobs import sealed_spec, submit
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def test_every_job_has_its_own_key(api: RunningApi) -> None:
    """Jobs submitted alone and in a batch each have their own stored key, which unseals their prompts."""
    alone = [await api.submit(f"prompt {number}") for number in range(3)]
    requests = [pb.SubmitJobRequest(prompt=f"prompt {number}") for number in range(3, 8)]
    batch = await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=requests))
    job_ids = [*alone, *(result.job_id for result in batch.results)]
    key_ids = [await api.key_id(job_id) for job_id in job_ids]
    assert len(set(key_ids)) == len(job_ids)
    assert not set(key_ids) & set(job_ids)
    assert len(await api.keys.get_many(key_ids)) == len(job_ids)
    shown = [(await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job for job_id in job_ids]
    assert [job.spec.prompt for job in shown] == [f"prompt {number}" for number in range(8)]


async def test_racing_submits_create_one_job(api: RunningApi) -> None:
    """Of 20 concurrent equal requests one creates the job, and all return it unsealed."""
    request = pb.SubmitJobRequest(prompt=PROMPT, request_id="race")
    answers = await asyncio.gather(*(api.jobs.SubmitJob(request) for _ in range(20)))
    assert sorted(answer.created for answer in answers) == [False] * 19 + [True]
    assert {answer.job.spec.prompt for answer in answers} == {PROMPT}
    assert await api.store.last_position() == 1
    assert await api.key(answers[0].job.id) is not None


async def test_a_stopped_api_keeps_only_keys_in_use(api: RunningApi) -> None:
    """A stopping api deletes unused keys. It keeps those of jobs, that of access tickets and that of addresses."""
    job_ids = [await api.submit() for _ in range(5)]
    request = pb.SubmitJobRequest(prompt=PROMPT, request_id="again")
    job_ids += [(await api.jobs.SubmitJob(request)).job.id for _ in range(3)][:1]
    await api.server.stop(0)
    assert set(api.keys._keys) == {
        SEALED_UNDER,
        ADDRESS_INDEX,
        *[await api.key_id(job_id) for job_id in job_ids],
    }


async def test_a_job_of_an_old_log(api: RunningApi) -> None:
    """A job without a key id is sealed under the key with the job's id: it can be read, found again, and erased."""
    job_id = job_id_of("default", "old")
    sealer = Sealer(job_id, key := new_key())
    await api.keys.create({job_id: key})
    request = pb.SubmitJobRequest(prompt=PROMPT, request_id="old")
    body_hash = sealer.body_hash(request.SerializeToString(deterministic=True))
    await api.work(job_id, submit("old", spec=sealed_spec(sealer, PROMPT), body_hash=body_hash))
    again = await api.jobs.SubmitJob(request)
    assert (again.created, again.job.id, again.job.spec.prompt) == (False, job_id, PROMPT)
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    assert (await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))).job.erased
    assert await api.keys.get(job_id) is None


async def test_a_missing_key_is_our_trouble_and_no_erasure(api: RunningApi) -> None:
    """While the key of a job is missing its state is shown, and what needs its texts is UNAVAILABLE, not erased."""
    request = pb.SubmitJobRequest(prompt=PROMPT, request_id="r1")
    job_id = (await api.jobs.SubmitJob(request)).job.id
    key_id, key = await api.key_id(job_id), await api.key(job_id)
    assert key is not None
    await api.keys.discard([key_id])
    shown = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    assert (shown.erased, shown.spec.prompt, shown.id) == (False, "", job_id)
    for call in (
        api.jobs.GetStoryboard(pb.GetStoryboardRequest(job_id=job_id)),
        api.jobs.SubmitJob(request),
    ):
        problem = await refused(call)
        assert (problem.code, problem.reason) == (grpc.StatusCode.UNAVAILABLE, "KEY_MISSING")
        assert problem.retry_seconds is not None
    await api.keys.create({key_id: key})
    again = await api.jobs.SubmitJob(request)
    assert (again.created, again.job.spec.prompt) == (False, PROMPT)
