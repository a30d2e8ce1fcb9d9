"""Questions about the commits of all jobs, over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kinolog_api.rpc.authentication import TENANT_KEY

from kinolog.connections.named_client import CLIENT_ADDRESS_KEY, CLIENT_PROGRAM_KEY
from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import access_pb2, job_pb2
from kinolog.v1 import access_service_pb2 as ac
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.call_metadata import bearer
from tests.builders.running_api import RunningApi, refused, running_api

ADA, OPERATOR = "ada-has-a-long-key", "operators-have-long-keys"
KEYS = {
    sha256(ADA.encode()).digest(): KeyHolder(tenant="default", actor="ada"),
    sha256(OPERATOR.encode()).digest(): KeyHolder(tenant="", actor="olga"),
}
ORIGIN = ((CLIENT_ADDRESS_KEY, "192.0.2.7"), (CLIENT_PROGRAM_KEY, "curl/8.5.0 (linux)"))


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory that needs keys."""
    async with running_api(KEYS) as running:
        yield running


async def search(api: RunningApi, query: str, key: str = ADA, **fields: object) -> au.SearchEventsResponse:
    """Ask a question."""
    request = au.SearchEventsRequest(query=query, **fields)  # type: ignore[arg-type]
    answer: au.SearchEventsResponse = await api.audit.SearchEvents(request, metadata=bearer(key))
    return answer


async def submitted(api: RunningApi, key: str = ADA, *metadata: tuple[str, str]) -> str:
    """Submit a job. Return its id."""
    request = pb.SubmitJobRequest(prompt="a kite")
    return (await api.jobs.SubmitJob(request, metadata=bearer(key, *metadata))).job.id


async def test_a_command_is_found_by_where_it_came_from(api: RunningApi) -> None:
    """Key, program and address of a caller are recorded with each command, and the history shows them."""
    scopes = [access_pb2.SCOPE_SUBMIT, access_pb2.SCOPE_READ, access_pb2.SCOPE_CANCEL]
    request = ac.CreateKeyRequest(tenant="default", actor="bob", scopes=scopes)
    key = await api.access.CreateKey(request, metadata=bearer(OPERATOR))
    job_id = await submitted(api, key.secret, *ORIGIN)
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id), metadata=bearer(key.secret, *ORIGIN))
    other = await submitted(api)
    for query in (
        f"key={key.key.key_id}",
        "client=curl",
        "client=curl/8.5.0",
        "address=192.0.2.7",
        "actor=bob",
    ):
        found = await search(api, query, oldest_first=True)
        assert [one.commit.command.name for one in found.commits] == ["submit", "cancel"], query
        assert {one.job_id for one in found.commits} == {job_id}
    command = found.commits[1].commit.command
    assert (command.address, command.client, command.api_key_id) == (
        "192.0.2.7",
        "curl/8.5.0",
        key.key.key_id,
    )
    assert command.via in ("127.0.0.1", "::1")
    assert not command.HasField("sealed_address")
    history = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id), metadata=bearer(ADA))
    assert history.commits[1].command == command
    direct = (await search(api, f"job={other}")).commits[0].commit.command
    assert direct.address in ("127.0.0.1", "::1")
    assert (direct.via, direct.api_key_id) == ("", "")
    assert direct.client.startswith("grpc-python")
    assert not [one async for batch in api.store.read(0) for one in batch if b"192.0.2.7" in one.raw]


async def test_an_erasure_takes_the_address(api: RunningApi) -> None:
    """After an erasure nobody reads from where the commands of a job came; who sent them stays."""
    job_id = await submitted(api, ADA, *ORIGIN)
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id), metadata=bearer(ADA, *ORIGIN))
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id), metadata=bearer(ADA, *ORIGIN))
    assert not (await search(api, "address=192.0.2.7")).commits
    found = await search(api, "client=curl", oldest_first=True)
    assert [one.commit.command.name for one in found.commits] == ["submit", "cancel", "erase"]
    assert {(one.commit.command.address, one.commit.command.actor) for one in found.commits} == {("", "ada")}
    history = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id), metadata=bearer(ADA))
    assert {one.command.address for one in history.commits} == {""}


async def test_an_erasure_that_has_not_finished_takes_the_address(api: RunningApi) -> None:
    """The event of the erasure suffices. The key exists for longer, while the files cannot be deleted."""
    job_id = await submitted(api, ADA, *ORIGIN)
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id), metadata=bearer(ADA, *ORIGIN))
    key_id = await api.key_id(job_id)
    key = await api.keys.get(key_id)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id), metadata=bearer(ADA, *ORIGIN))
    api.keys._keys[key_id] = key
    found = await search(api, f"job={job_id}")
    assert [one.commit.command.address for one in found.commits] == [""] * 4


async def test_pages_and_counts(api: RunningApi) -> None:
    """Pages continue at a position, and counts say who sent which commands."""
    job_ids = [await submitted(api) for _ in range(5)]
    first = await search(api, "event=submitted", page_size=3)
    rest = await search(api, "event=submitted", page_size=3, after=first.next_position)
    assert [one.job_id for one in (*first.commits, *rest.commits)] == job_ids[::-1]
    assert (rest.next_position, rest.position) == (0, 5)
    assert {one.model for one in first.commits} == {"kinolog-tiny"}
    waited = await search(api, "", min_position=5)
    assert len(waited.commits) == 5
    request = au.CountCommandsRequest(query="since=1h", min_position=5)
    (count,) = (await api.audit.CountCommands(request, metadata=bearer(ADA))).counts
    assert (count.actor, count.command, count.commits) == ("ada", "submit", 5)
    assert (count.first_position, count.last_position) == (1, 5)


async def test_other_tenants_are_for_operators(api: RunningApi) -> None:
    """Only who may call for a tenant asks about it."""
    await submitted(api)
    lab = await submitted(api, OPERATOR, (TENANT_KEY, "lab"))
    assert [one.job_id for one in (await search(api, "tenant=lab", OPERATOR)).commits] == [lab]
    assert not [one for one in (await search(api, "")).commits if one.job_id == lab]
    request = au.SearchEventsRequest(query="tenant=lab")
    problem = await refused(api.audit.SearchEvents(request, metadata=bearer(ADA)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OTHER_TENANT")


async def test_a_wrong_question_says_which_word_is_wrong(api: RunningApi) -> None:
    """INVALID_ARGUMENT names the field, the word and its column."""
    request = au.SearchEventsRequest(query="actor=ada colour=red")
    problem = await refused(api.audit.SearchEvents(request, metadata=bearer(ADA)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_QUERY")
    assert "at column 11, `colour=red`: there is no field colour" in str(problem.fields)
    position = au.SearchEventsRequest(min_position=99)
    problem = await refused(api.audit.SearchEvents(position, metadata=bearer(ADA)))
    assert problem.code == grpc.StatusCode.OUT_OF_RANGE


async def test_the_queue_is_told_as_it_was(api: RunningApi) -> None:
    """At a position or a time: jobs in their order with places, paused ones last, and what ran where."""
    low, high, paused = [await submitted(api) for _ in range(3)]
    request = pb.ReprioritizeJobRequest(job_id=high, priority=job_pb2.PRIORITY_HIGH)
    await api.jobs.ReprioritizeJob(request, metadata=bearer(ADA))
    await api.jobs.PauseJob(pb.PauseJobRequest(job_id=paused), metadata=bearer(ADA))
    await api.start_attempt(low)
    before = await api.audit.GetQueueAt(au.GetQueueAtRequest(position=5), metadata=bearer(ADA))
    places = [(one.job_id, one.jobs_before, one.HasField("jobs_before"), one.paused) for one in before.queued]
    assert places == [(high, 0, True, False), (low, 1, True, False), (paused, 0, False, True)]
    assert (before.queued_total, before.running_total, before.position) == (3, 0, 5)
    now = await api.audit.GetQueueAt(au.GetQueueAtRequest(limit=1), metadata=bearer(ADA))
    assert ([one.job_id for one in now.queued], now.queued_total) == ([high], 2)
    assert [(one.job_id, one.attempt, one.since_position) for one in now.running] == [(low, 1, 6)]
    at_time = await api.audit.GetQueueAt(au.GetQueueAtRequest(time=before.at), metadata=bearer(ADA))
    assert at_time == before
    early = au.GetQueueAtRequest(time=Timestamp(seconds=1))
    empty = await api.audit.GetQueueAt(early, metadata=bearer(ADA))
    assert (empty.position, empty.HasField("at"), empty.queued_total) == (0, False, 0)
    problem = await refused(api.audit.GetQueueAt(au.GetQueueAtRequest(position=99), metadata=bearer(ADA)))
    assert problem.code == grpc.StatusCode.OUT_OF_RANGE


async def test_a_time_that_has_come_is_no_longer_waited_for(api: RunningApi) -> None:
    """A job for a time has a place once that has come, also if nothing happened since; not so at a position."""
    at = api.clock() + timedelta(hours=1)
    start = Timestamp()
    start.FromDatetime(at)
    request = pb.SubmitJobRequest(prompt="a kite", start_after=start)
    await api.jobs.SubmitJob(request, metadata=bearer(ADA))

    async def has_place(**moment: object) -> bool:
        asked = au.GetQueueAtRequest(**moment)  # type: ignore[arg-type]
        (place,) = (await api.audit.GetQueueAt(asked, metadata=bearer(ADA))).queued
        return place.HasField("jobs_before")

    assert not await has_place()
    assert not await has_place(time=Timestamp(seconds=start.seconds + 60))
    api.clock.now = at + timedelta(hours=1)
    assert await has_place()
    assert await has_place(time=Timestamp(seconds=start.seconds + 60))
    assert not await has_place(time=Timestamp(seconds=start.seconds - 60))
    assert not await has_place(position=1)
