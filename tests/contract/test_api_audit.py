"""History, verification and replay, over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kinolog_api.callers import TENANT_KEY

from kinolog.codec.commits import decode_commit, encode_commit
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.unit.api.running_api import PROMPT, RunningApi, collected, refused, running_api


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def verdict(api: RunningApi, job_id: str) -> dict[str, tuple[bool, str]]:
    """What the check of a job found, by name."""
    answer = await api.audit.VerifyJob(au.VerifyJobRequest(job_id=job_id))
    assert answer.valid == all(check.holds for check in answer.checks)
    return {check.name: (check.holds, check.detail) for check in answer.checks}


async def test_history_tells_everything(api: RunningApi) -> None:
    """The history holds every commit with command, events and hashes, and the job after the last."""
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
    """An earlier position or time shows the job as it was then; before its first commit, nothing."""
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


async def test_a_sound_job_verifies(api: RunningApi) -> None:
    """Every check of an untouched job holds and says what it looked at."""
    job_id = await api.submit()
    await api.complete(job_id)
    found = await verdict(api, job_id)
    assert all(holds for holds, _ in found.values())
    assert set(found) == {"hashes", "chain", "fold", "endings", "archive", "seals", "artifacts"}


async def test_a_changed_file_is_found(api: RunningApi) -> None:
    """A file whose bytes were changed in the store fails the check of artifacts, and no other."""
    job_id = await api.submit()
    artifact = await api.complete(job_id)
    api.artifacts._artifacts[artifact.key] = b"other bytes"
    found = await verdict(api, job_id)
    assert [name for name, (holds, _) in found.items() if not holds] == ["artifacts"]
    assert "was changed" in found["artifacts"][1]
    del api.artifacts._artifacts[artifact.key]
    assert "is not stored" in (await verdict(api, job_id))["artifacts"][1]


async def test_a_rewritten_commit_is_found(api: RunningApi) -> None:
    """A commit rewritten in the log with a hash of its own breaks the chain and differs from the archive."""
    job_id = await api.submit()
    await api.complete(job_id)
    archived = await api.read_model.archived_commits(job_id)
    recorded = decode_commit(1, api.store._log[0])
    forged = replace(recorded.commit, command=replace(recorded.commit.command, actor="mallory"))
    api.store._log[0] = encode_commit(forged).raw

    async def kept(job_id: str) -> object:
        return archived

    api.read_model.archived_commits = kept  # type: ignore[method-assign,assignment]  # as it was before
    found = await verdict(api, job_id)
    assert [name for name, (holds, _) in found.items() if not holds] == ["chain", "archive"]


async def test_a_flipped_byte_is_found(api: RunningApi) -> None:
    """A byte flipped in the log is an answer that the log does not hold, not an error."""
    job_id = await api.submit()
    raw = bytearray(api.store._log[0])
    raw[len(raw) // 2] ^= 1
    api.store._log[0] = bytes(raw)
    found = await verdict(api, job_id)
    assert found.keys() == {"log"}
    assert not found["log"][0]


async def test_a_state_that_its_events_do_not_make(api: RunningApi) -> None:
    """A commit whose embedded state was forged fails the fold."""
    job_id = await api.submit()
    recorded = decode_commit(1, api.store._log[0])
    state = replace(recorded.commit.state, max_attempts=9)
    api.store._log[0] = encode_commit(replace(recorded.commit, state=state)).raw
    found = await verdict(api, job_id)
    assert [name for name, (holds, _) in found.items() if not holds] == ["fold"]


async def test_a_lost_key_is_found(api: RunningApi) -> None:
    """A job that is not erased but whose key is gone fails the check of seals."""
    job_id = await api.submit()
    await api.keys.erase(await api.key_id(job_id))
    found = await verdict(api, job_id)
    assert [name for name, (holds, _) in found.items() if not holds] == ["seals"]


async def test_verifying_without_the_archive(api: RunningApi) -> None:
    """While the archive is away a check is UNAVAILABLE, never a wrong verdict."""
    job_id = await api.submit()
    api.read_model.away = True
    problem = await refused(api.audit.VerifyJob(au.VerifyJobRequest(job_id=job_id)))
    assert problem.code is grpc.StatusCode.UNAVAILABLE


async def test_replay_gives_what_is_stored(api: RunningApi) -> None:
    """The replay gives the stored bytes of the tenant's commits in order, and goes on live when asked."""
    await api.submit("one")
    await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="x"), metadata=((TENANT_KEY, "other"),))
    await api.submit("two")
    until_now = api.audit.ReplayLog(au.ReplayLogRequest(until_now=True))
    told = [message async for message in until_now]
    assert [message.position for message in told] == [1, 3]
    assert told[0].stored_commit == api.store._log[0]
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
