"""Requests without an id that a client sends again: one job, unless two were wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from grpc.aio import insecure_channel
from kinolog_gateway.upstream import OPTIONS

from kinolog.job.commit import Commit
from kinolog.ports.event_store import AppendConflict, Appended, LogUnavailable
from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1 import job_service_pb2_grpc
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def sent(api: RunningApi, tries: int = 0, actor: str = "ada", **fields: Any) -> str:
    """Submit a request that was sent so often before. Return the id of its job."""
    request = pb.SubmitJobRequest(**{"prompt": PROMPT, "earlier_tries": tries, **fields})
    return (await api.jobs.SubmitJob(request, metadata=(("x-kinolog-actor", actor),))).job.id


async def test_a_repeated_request_is_one_job(api: RunningApi) -> None:
    """Also after an api that has other memory took over, and across the minutes."""
    first = await sent(api)
    assert [await sent(api, 1), await sent(api, 2)] == [first, first]
    api.clock.now += timedelta(minutes=9)
    async with running_api(stores_of=api) as other:
        other.clock.now = api.clock.now
        assert await sent(other, 1) == first
    api.clock.now += timedelta(minutes=9)
    later = await sent(api, 1)
    assert later != first
    assert await sent(api, 2) == later


async def test_requests_that_are_not_repeated_are_jobs_of_their_own(api: RunningApi) -> None:
    """However many are equal. A repeated one finds the last of them; one of another caller or body finds none."""
    equal = await asyncio.gather(*(sent(api) for _ in range(11)))
    assert len(set(equal)) == 11
    found = await sent(api, 1)
    assert found in equal
    last = await sent(api, seed=3)
    assert await sent(api, 1, seed=3) == last
    others = {await sent(api, 1, actor="bob"), await sent(api, 1, prompt="else"), await sent(api, 1, fps=9)}
    assert len(others - {*equal, last}) == 3


async def test_a_call_that_grpc_repeats_is_one_job(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job was stored before the answer was lost, so the gateway's channel sends the request again."""
    append = api.store.append

    async def append_and_lose(commit: Commit) -> Appended | AppendConflict:
        monkeypatch.setattr(api.store, "append", append)
        await append(commit)
        raise LogUnavailable("the answer was lost")

    monkeypatch.setattr(api.store, "append", append_and_lose)
    async with insecure_channel(api.target, options=list(OPTIONS)) as channel:
        request = pb.SubmitJobRequest(prompt=PROMPT, earlier_tries=0)
        answer = await job_service_pb2_grpc.JobServiceStub(channel).SubmitJob(request)
    assert (answer.created, answer.position) == (False, 1)


async def test_an_erased_job_is_not_found_again(api: RunningApi) -> None:
    """A new one is made: what was erased cannot be answered."""
    first, second = await sent(api), await sent(api)
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=second))
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=second))
    assert await sent(api, 1) == first
    assert await sent(api) not in (first, second)


async def test_the_id_begins_as_wanted_and_tells_nothing(api: RunningApi) -> None:
    """Equal requests of two minutes have ids that have only the beginning in common."""
    ids = []
    for _ in range(2):
        request = pb.SubmitJobRequest(prompt=PROMPT, earlier_tries=0, request_id="remix:")
        ids.append((await api.jobs.SubmitJob(request)).job.request_id)
        api.clock.now += timedelta(minutes=1)
    assert [len(one) for one in ids] == [32, 32]
    assert ids[0][:6] == ids[1][:6] == "remix:"
    assert ids[0][6:10] != ids[1][6:10]
    too_long = pb.SubmitJobRequest(prompt=PROMPT, earlier_tries=0, request_id="x" * 65)
    assert "at most 64" in str((await refused(api.jobs.SubmitJob(too_long))).fields)
