"""Reads are recorded: by the api, over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import cast

import grpc
import pytest
from kinolog_api.dependencies import ReadRules
from kinolog_api.reads import read_recorder, recorded_methods
from kinolog_api.reads.recorded_methods import kind_of
from kinolog_api.rpc.calls import Methods, RpcCall, StreamMethod
from kinolog_api.rpc.scopes import NEEDS
from kinolog_api.services import JOB_SERVICE

from kinolog.connections.named_client import CLIENT_ADDRESS_KEY, CLIENT_PROGRAM_KEY, CLIENT_ROUTE_KEY
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.api_keys import KeyHolder
from kinolog.reads.read import LOST, ReadKind
from kinolog.v1 import access_pb2, job_pb2, read_pb2
from kinolog.v1 import access_service_pb2 as ac
from kinolog.v1 import analytics_service_pb2 as an
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.call_metadata import bearer
from tests.builders.running_api import RunningApi, refused, running_api
from tests.fixtures.waits import until, until_true

ADA, BOB, OPERATOR = "ada-has-a-long-key", "bob-is-of-another-tenant", "operators-have-long-keys"
KEYS = {
    sha256(ADA.encode()).digest(): KeyHolder(tenant="default", actor="ada"),
    sha256(BOB.encode()).digest(): KeyHolder(tenant="studio", actor="bob"),
    sha256(OPERATOR.encode()).digest(): KeyHolder(tenant="", actor="olga"),
}
ROUTE = "GET /api/v1/result/{job_id}/video"
ORIGIN = (
    (CLIENT_ADDRESS_KEY, "192.0.2.7"),
    (CLIENT_PROGRAM_KEY, "curl/8.5.0 (linux)"),
    (CLIENT_ROUTE_KEY, ROUTE),
)
VIDEO = b"video bytes"


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory that needs keys, and stores reads when a test says so."""
    async with running_api(KEYS) as running:
        yield running


async def recorded(api: RunningApi, query: str = "", key: str = ADA, **fields: object) -> list[au.FoundRead]:
    """Store what was noted. Return what a question finds, oldest first."""
    await api.server.reads.flush()
    request = au.SearchReadsRequest(query=query, oldest_first=True, **fields)  # type: ignore[arg-type]
    answer = await api.audit.SearchReads(request, metadata=bearer(key))
    return list(answer.reads)


async def alarms(api: RunningApi) -> set[str]:
    """Return the names of the alarms."""
    return {alarm.name for alarm in await api.alarms.current()}


async def finished(api: RunningApi, key: str = ADA) -> str:
    """Submit a job and complete it with a video. Return its id."""
    answer = await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="a kite"), metadata=bearer(key))
    await api.complete(answer.job.id, VIDEO)
    return answer.job.id


async def download(api: RunningApi, job_id: str, *metadata: tuple[str, str], **fields: int) -> bytes:
    """Read the video of a job as Ada."""
    request = pb.ReadArtifactRequest(job_id=job_id, kind=job_pb2.ARTIFACT_KIND_VIDEO, **fields)
    stream = api.jobs.ReadArtifact(request, metadata=bearer(ADA, *metadata))
    return b"".join([message.data async for message in stream])


async def test_a_download_is_recorded_with_all_that_is_known_of_it(api: RunningApi) -> None:
    """Who, which key, from where, what, which bytes, how many and when."""
    job_id = await finished(api)
    scopes = [access_pb2.SCOPE_READ]
    created = await api.access.CreateKey(
        ac.CreateKeyRequest(tenant="default", actor="eve", scopes=scopes), metadata=bearer(OPERATOR)
    )
    request = pb.ReadArtifactRequest(job_id=job_id, kind=job_pb2.ARTIFACT_KIND_VIDEO, offset=2, limit=5)
    before = api.clock()
    stream = api.jobs.ReadArtifact(request, metadata=bearer(created.secret, *ORIGIN))
    assert b"".join([message.data async for message in stream]) == VIDEO[2:7]
    (found,) = await recorded(api, "actor=eve")
    read = found.read
    assert (read.actor, read.api_key_id, read.client) == ("eve", created.key.key_id, "curl/8.5.0")
    assert (found.address, found.via) == ("192.0.2.7", "127.0.0.1")
    assert (read.kind, read.method, read.route) == (read_pb2.READ_KIND_FILE, "ReadArtifact", ROUTE)
    assert (read.job_id, read.resource, read.offset, read.limit) == (job_id, "video", 2, 5)
    assert (read.bytes, read.times, read.outcome) == (5, 1, "ok")
    assert not read.HasField("sealed_address")
    assert before.timestamp() <= read.first_at.ToDatetime().replace(tzinfo=before.tzinfo).timestamp()
    for query in (
        f"key={created.key.key_id}",
        "address=192.0.2.7",
        "client=curl client=curl/8.5.0",
        f"job={job_id} kind=file",
        "method=ReadArtifact outcome=ok",
        "since=2020-01-01 actor!=ada",
    ):
        assert [one.read.method for one in await recorded(api, query)] == ["ReadArtifact"], query


async def test_equal_reads_are_one_with_their_number(api: RunningApi) -> None:
    """Repeated reads of one caller are counted, and their bytes are added; another caller has reads of his own."""
    job_id = await finished(api)
    for _ in range(3):
        await download(api, job_id)
    await download(api, job_id, *ORIGIN)
    await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id), metadata=bearer(ADA))
    reads = await recorded(api, f"job={job_id}")
    assert [(one.read.method, one.read.times, one.read.bytes) for one in reads[:2]] == [
        ("ReadArtifact", 3, 3 * len(VIDEO)),
        ("ReadArtifact", 1, len(VIDEO)),
    ]
    assert (reads[2].read.method, reads[2].read.kind) == ("GetJob", read_pb2.READ_KIND_TEXT)
    assert reads[2].read.bytes > 0


async def test_commands_and_charts_are_no_recorded_reads_unless_all_are_wanted(api: RunningApi) -> None:
    """By default files, texts and the record are recorded. With `all` every read is, and commands are in the log."""
    await finished(api)
    await api.method("GetOverview")(an.GetOverviewRequest(), metadata=bearer(ADA))
    assert await recorded(api) == []
    async with running_api(
        KEYS, stores_of=api, read_rules=ReadRules(everything=True, flush_seconds=3_600.0)
    ) as other:
        await other.method("GetOverview")(an.GetOverviewRequest(), metadata=bearer(ADA))
        await other.jobs.ListModels(pb.ListModelsRequest(), metadata=bearer(ADA))
        await other.server.reads.flush()
        found = [read.facts.method for read in other.read_log.reads() if read.facts.kind is ReadKind.OTHER]
        assert found == ["GetOverview", "ListModels"]


async def test_failed_and_endless_reads_are_recorded(api: RunningApi) -> None:
    """A read that found nothing, and a stream that goes on."""
    problem = await refused(api.jobs.GetJob(pb.GetJobRequest(job_id="z" * 26), metadata=bearer(ADA)))
    assert problem.code is grpc.StatusCode.NOT_FOUND
    job_id = await finished(api)
    watch = api.jobs.WatchJobs(pb.WatchJobsRequest(after=0), metadata=bearer(ADA))
    assert (await anext(aiter(watch))).job.id == job_id
    reads = await recorded(api)
    assert {(one.read.method, one.read.outcome) for one in reads} == {
        ("GetJob", "not_found"),
        ("WatchJobs", "started"),
    }
    watch.cancel()


async def test_a_gateway_has_its_clients_noted(api: RunningApi) -> None:
    """Each client of live updates is a reader of what the channel shows."""
    job_id = await finished(api)
    for channel in ("jobs", f"job:{job_id}"):
        await api.audit.NoteLiveRead(au.NoteLiveReadRequest(channel=channel), metadata=bearer(ADA, *ORIGIN))
    found = await recorded(api, "method=NoteLiveRead kind=text address=192.0.2.7")
    assert [(one.read.resource, one.read.job_id) for one in found] == [("jobs", ""), ("job", job_id)]


async def test_a_caller_that_leaves_has_read_what_was_sent(api: RunningApi) -> None:
    """A stream that ends before its end is noted as cancelled, with the bytes that were sent until then."""

    async def parts(request: object, call: object) -> AsyncIterator[pb.ReadArtifactResponse]:
        yield pb.ReadArtifactResponse(data=b"one")
        yield pb.ReadArtifactResponse(data=b"never taken")

    methods = api.server.reads.recording(JOB_SERVICE, cast(Methods, {"ReadArtifact": parts}))
    call = RpcCall(tenant="default", actor="ada")
    read = cast(StreamMethod, methods["ReadArtifact"])
    messages = read(pb.ReadArtifactRequest(job_id="a" * 26), call)
    assert (await anext(messages)).data == b"one"
    assert (await anext(messages)).data == b"never taken"
    await messages.aclose()
    (found,) = await recorded(api)
    assert (found.read.outcome, found.read.bytes) == ("cancelled", 3)


async def test_each_tenant_has_its_own_record_and_sees_operators_in_it(api: RunningApi) -> None:
    """A read of a job belongs to the tenant of the job, whoever read it. Others do not find it."""
    job_id = await finished(api)
    await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id), metadata=bearer(ADA))
    await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id), metadata=bearer(OPERATOR))
    mine = await recorded(api, f"job={job_id}")
    assert [one.read.actor for one in mine] == ["ada", "olga"]
    assert await recorded(api, f"job={job_id}", BOB) == []
    problem = await refused(
        api.audit.SearchReads(au.SearchReadsRequest(query="tenant=default"), metadata=bearer(BOB))
    )
    assert (problem.code, problem.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OTHER_TENANT")
    theirs = await recorded(api, f"tenant=default job={job_id}", OPERATOR)
    assert [one.read.actor for one in theirs] == ["ada", "olga"]


async def test_who_reads_the_record_is_recorded_too(api: RunningApi) -> None:
    """A question about reads is a read of the record. The question itself is not stored: it may name an address."""
    await recorded(api, "address=192.0.2.9")
    found = await recorded(api, "kind=record")
    assert [(one.read.actor, one.read.method, one.read.resource) for one in found] == [
        ("ada", "SearchReads", "")
    ]
    assert not any(b"192.0.2.9" in batch.raw for batch in api.read_log.batches)


async def test_no_read_waits_or_fails_while_reads_cannot_be_stored(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait in memory, so many of them; the others are counted, and their number is stored with the next."""
    monkeypatch.setattr(read_recorder, "MAX_NOTED", 2)
    api.read_log.unavailable = True
    job_id = await finished(api)
    for offset in range(5):
        await download(api, job_id, offset=offset)
    with pytest.raises(Exception, match="does not answer"):
        await api.server.reads.flush()
    api.read_log.unavailable = False
    await api.server.reads.flush()
    stored = api.read_log.reads()
    assert [(read.facts.offset, read.times, read.facts.outcome) for read in stored] == [
        (0, 1, "ok"),
        (1, 1, "ok"),
        (0, 3, LOST),
    ]
    assert [one.read.times for one in await recorded(api, "outcome=lost")] == [3]
    metrics = {metric.name: metric.value for metric in api.server.reads.metrics()}
    assert (metrics["kinolog_reads_lost_total"], metrics["kinolog_reads_recorded_total"]) == (3, 2)


async def test_the_last_reads_are_stored_when_the_api_ends() -> None:
    """What was noted just before the end is in the stream."""
    async with running_api(KEYS) as api:
        job_id = await finished(api)
        await download(api, job_id)
    assert [read.facts.method for read in api.read_log.reads()] == ["ReadArtifact"]


async def test_what_waited_and_what_came_since_are_stored_when_the_api_ends() -> None:
    """While the stream was away a batch waited, and reads went on."""
    async with running_api(KEYS) as api:
        job_id = await finished(api)
        await download(api, job_id)
        api.read_log.unavailable = True
        with pytest.raises(Exception, match="does not answer"):
            await api.server.reads.flush()
        await download(api, job_id, offset=3)
        api.read_log.unavailable = False
    assert [read.facts.offset for read in api.read_log.reads()] == [0, 3]


async def test_reads_are_stored_by_themselves() -> None:
    """Nobody asks for it: the task of the api stores what was noted, and raises an alarm while it cannot."""
    async with running_api(KEYS, read_rules=ReadRules(flush_seconds=0.01)) as api:
        api.read_log.unavailable = True
        job_id = await finished(api)
        await download(api, job_id)
        await until(lambda: alarms(api), "an alarm says so", lambda found: "reads-unrecorded" in found)
        api.read_log.unavailable = False
        await until_true(api.read_log.reads, "they are stored")
        await until(lambda: alarms(api), "it is withdrawn", lambda found: "reads-unrecorded" not in found)


async def test_pages_follow_each_other(api: RunningApi) -> None:
    """Newest first or oldest first, each read once; a question about an address goes on through pages without any."""
    job_id = await finished(api)
    for offset in range(5):
        await download(api, job_id, *(ORIGIN if offset == 4 else ()), offset=offset)
    await api.server.reads.flush()
    for oldest_first in (True, False):
        offsets, after = [], ""
        while True:
            request = au.SearchReadsRequest(
                query="kind=file", page_size=2, oldest_first=oldest_first, after=after
            )
            page = await api.audit.SearchReads(request, metadata=bearer(ADA))
            offsets += [one.read.offset for one in page.reads]
            if not (after := page.next_cursor):
                break
        assert offsets == ([0, 1, 2, 3, 4] if oldest_first else [4, 3, 2, 1, 0])
    (found,) = await recorded(api, "address=192.0.2.7")
    assert found.read.offset == 4
    assert [one.read.offset for one in await recorded(api, "kind=file address!=192.0.2.7")] == [0, 1, 2, 3]


def test_every_method_says_what_it_reads() -> None:
    """A method without a row would not be served; one of another name would never be found."""
    assert recorded_methods._KINDS.keys() == NEEDS.keys()
    assert kind_of(JOB_SERVICE.methods_by_name["GetJob"]) is ReadKind.TEXT


async def test_a_stream_that_nobody_empties_has_a_limit() -> None:
    """Then reads wait, those beyond the memory are counted, and all is stored when there is room."""
    async with running_api(read_rules=ReadRules(flush_seconds=3_600.0, stream_bytes=1)) as api:
        recorder = api.server.reads
        await api.submit()
        await api.jobs.ListJobs(pb.ListJobsRequest())
        await recorder.flush()
        assert [read.facts.method for read in api.read_log.reads()] == ["ListJobs"]
        await api.jobs.ListJobs(pb.ListJobsRequest(page_size=7))
        with pytest.raises(LogUnavailable, match="KINOLOG_READS_STREAM_BYTES allows 1"):
            await recorder.flush()
        api.read_log.batches.clear()  # the projector archives and deletes them
        await recorder.flush()
        assert [read.times for read in api.read_log.reads()] == [1]
