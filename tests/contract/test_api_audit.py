"""History and replay, over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kinolog_api.rpc.authentication import TENANT_KEY

from kinolog.command_handler import CommandHandler
from kinolog.job.commands import Prefetch
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, RunningApi, collected, refused, running_api


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def test_history_is_complete(api: RunningApi) -> None:
    """The history has every commit with command, events and hashes, and the job after the last commit."""
    job_id = await api.submit(request_id="r1")
    await api.complete(job_id)
    history = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id))
    assert [commit.command.name for commit in history.commits] == ["submit", "start_attempt", "complete"]
    assert [commit.version for commit in history.commits] == [3, 4, 5]
    hashes = [commit.hash for commit in history.commits]
    assert [commit.previous_hash for commit in history.commits] == ["", *hashes[:-1]]
    assert history.job.status == job_pb2.STATUS_COMPLETED
    assert history.job.spec.prompt == PROMPT
    assert PROMPT not in str(history.commits)


async def test_history_as_of_a_position_or_time(api: RunningApi) -> None:
    """An earlier position or time returns the job as it was then; before its first commit, nothing."""
    job_id = await api.submit()
    await api.complete(job_id)
    whole = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id))
    at_two = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id, position=2))
    assert at_two.job.status == job_pb2.STATUS_PROCESSING
    assert at_two.job.position == 2
    by_time = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id, time=whole.commits[1].at))
    assert by_time == at_two
    before = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id, time=Timestamp(seconds=1)))
    assert not before.commits
    assert not before.HasField("job")


async def test_history_as_of_a_time_when_clocks_differ(api: RunningApi) -> None:
    """A commit of an earlier version, with an earlier time than its predecessor, is not returned without it."""
    job_id = await api.submit()
    loaded = await api.store.load(job_id)
    assert loaded is not None
    minute = timedelta(minutes=1)
    api.clock.now -= minute
    earlier = replace(loaded, job=replace(loaded.job, updated_at=loaded.job.updated_at - minute))
    commit = CommandHandler(api.store, api.clock).decide_from(job_id, earlier, Prefetch(id="p", actor="ann"))
    assert commit is not None
    await api.store.append(commit)
    whole = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id))
    assert whole.commits[1].at.ToDatetime() < whole.commits[0].at.ToDatetime()
    before = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id, time=whole.commits[1].at))
    assert not before.commits


async def test_replay_yields_stored_commits(api: RunningApi) -> None:
    """The replay yields the stored bytes of the tenant's commits in order, and optionally continues live."""
    await api.submit("one")
    await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="x"), metadata=((TENANT_KEY, "other"),))
    await api.submit("two")
    until_now = api.audit.ReplayLog(au.ReplayLogRequest(until_now=True))
    messages = [message async for message in until_now]
    assert [message.position for message in messages] == [1, 3]
    assert messages[0].stored_commit == api.store._log[0]
    live = api.audit.ReplayLog(au.ReplayLogRequest(after=1))
    assert [message.position for message in await collected(live, 1)] == [3]
    await api.submit("three")
    assert [message.position for message in await collected(live, 1)] == [4]
    live.cancel()


async def test_tenants_do_not_see_each_others_history(api: RunningApi) -> None:
    """The audit of another tenant's job is NOT_FOUND."""
    job_id = await api.submit()
    other = ((TENANT_KEY, "other"),)
    for call in (
        api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id), metadata=other),
        api.audit.VerifyJob(au.VerifyJobRequest(job_id=job_id), metadata=other),
    ):
        assert (await refused(call)).code is grpc.StatusCode.NOT_FOUND
