"""Conformance of the stream of reads: in memory, on one server and on three."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from nats.aio.client import Client

from kinolog.adapters.jetstream.read_log import JetStreamReadLog
from kinolog.adapters.jetstream.subjects import READS, READS_RECORDED, Service
from kinolog.codec.reads.read_batches import DamagedReadBatch, decode_read_batch, encode_read_batch
from kinolog.job.values import Sealed
from kinolog.ports.event_store import LogUnavailable
from kinolog.reads.read import Read, ReadBatch, ReadFacts, ReadKind
from kinolog.reads.read_log import ReadBatchLog
from kinolog.v1 import read_pb2 as pb
from kinolog_stack.servers.nats_server import NatsServer
from tests.adapters.memory.read_log import MemoryReadLog
from tests.fixtures.log import KINDS, Kind, connected, delete_stream, empty_streams, server_of
from tests.fixtures.waits import WAIT_SECONDS, until

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
READ = Read(
    facts=ReadFacts(
        actor="ada",
        api_key_id="k1",
        client="curl/8.5.0",
        kind=ReadKind.FILE,
        method="ReadArtifact",
        route="GET /api/v1/result/{job_id}/video",
        job_id="a" * 26,
        resource="video",
        offset=1,
        limit=2,
    ),
    first_at=AT,
    last_at=AT + timedelta(seconds=1),
    times=3,
    size_bytes=6,
    sealed_address=Sealed(nonce=b"n" * 12, ciphertext=b"sealed"),
)
BATCH = ReadBatch(
    tenant="studio", recorder="api-1", number=1, reads=(READ,), at=AT, address_key="reads-2026-05"
)


@pytest.fixture(params=KINDS)
async def log(request: pytest.FixtureRequest) -> AsyncIterator[ReadBatchLog]:
    """One of the adapters, with the permissions of the api, and an empty stream."""
    kind: Kind = request.param
    if kind == "memory":
        yield MemoryReadLog()
        return
    server = server_of(request, kind)
    await empty_streams(server, [READS])
    async with connected(server, Service.API) as client:
        log = read_log(client)
        yield log
        await log.close()


def read_log(client: Client) -> JetStreamReadLog:
    """Return the stream over a connection."""
    return JetStreamReadLog(client, retry_timeout_seconds=WAIT_SECONDS)


async def batches(log: ReadBatchLog, after: int = 0) -> list[ReadBatch]:
    """Return what the stream has after a position."""
    return [recorded.batch for recorded in (await log.after(after)).batches]


async def test_batches_come_back_in_order(log: ReadBatchLog) -> None:
    """Each once, whole, at rising positions; a repeat is not stored again. The replica that answers may lag."""
    second = replace(BATCH, number=2, reads=(replace(READ, sealed_address=None),))
    await log.append(BATCH)
    await log.append(BATCH)
    await log.append(second)
    page = await until(lambda: log.after(0), "both batches", lambda found: len(found.batches) > 1)
    assert ([one.batch for one in page.batches], page.damaged) == ([BATCH, second], ())
    first, last = page.batches
    assert first.position < last.position
    assert decode_read_batch(first.raw) == BATCH
    assert await until(lambda: batches(log, first.position), "the second batch") == [second]
    assert await batches(log, last.position) == []
    assert await log.size_bytes() >= len(first.raw) + len(last.raw)


async def test_old_batches_are_deleted_and_positions_go_on(nats_server: NatsServer) -> None:
    """The projector alone may delete them. What comes later has later positions."""
    await empty_streams(nats_server, [READS])
    async with (
        connected(nats_server, Service.API) as writer,
        connected(nats_server, Service.PROJECTOR) as follower,
    ):
        log, archived = map(read_log, (writer, follower))
        for number in (1, 2, 3):
            await log.append(replace(BATCH, number=number))
        positions = [one.position for one in (await archived.after(0)).batches]
        await archived.forget_until(positions[1])
        assert [one.number for one in await batches(log)] == [3]
        await archived.forget_until(positions[2])
        assert await batches(log) == []
        await log.append(replace(BATCH, number=4))
        (last,) = (await log.after(0)).batches
        assert last.position == positions[2] + 1
        await log.close()
        await archived.close()


async def test_a_new_stream_begins_after_an_earlier_one(nats_server: NatsServer) -> None:
    """A stream that was lost and made again gives no position twice."""
    found = []
    for _ in range(2):
        await empty_streams(nats_server, [READS])
        async with connected(nats_server, Service.API) as client:
            log = read_log(client)
            await log.append(BATCH)
            found += [one.position for one in (await log.after(0)).batches]
            await log.close()
    assert found[0] < found[1]


async def test_a_damaged_message_is_named_and_passed(nats_server: NatsServer) -> None:
    """Its position is known, so that a reader goes on after it."""
    await empty_streams(nats_server, [READS])
    async with connected(nats_server, Service.API) as client:
        log = read_log(client)
        raw = encode_read_batch(BATCH)
        for damaged in (raw[:-1] + bytes([raw[-1] ^ 1]), b"\xff"):
            await client.request(READS_RECORDED, damaged, timeout=WAIT_SECONDS)
        await log.append(BATCH)
        page = await log.after(0)
        assert len(page.damaged) == 2
        assert [one.batch for one in page.batches] == [BATCH]
        await log.close()


async def test_no_answer_is_an_error(nats_server: NatsServer) -> None:
    """A stream that is missing: the caller keeps the batch."""
    async with connected(nats_server, Service.ADMIN) as admin:
        await delete_stream(admin, READS)
    try:
        async with connected(nats_server, Service.API) as client:
            log = JetStreamReadLog(client, retry_timeout_seconds=0.05)
            with pytest.raises(LogUnavailable):
                await log.append(BATCH)
            await log.close()
    finally:
        await empty_streams(nats_server, [READS])


def test_numbers_that_postgres_lacks_are_read_as_the_largest() -> None:
    """A client may ask for bytes up to 2**64 - 1. The archive of all reads goes on."""
    large = replace(
        READ, facts=replace(READ.facts, offset=2**64 - 1, limit=2**63), times=2**64 - 1, size_bytes=2**63
    )
    (read,) = decode_read_batch(encode_read_batch(replace(BATCH, reads=(large,)))).reads
    assert {read.facts.offset, read.facts.limit, read.times, read.size_bytes} == {2**63 - 1}


def test_a_time_that_is_none_is_damage() -> None:
    """Whatever wrote it: the hash is right."""
    stored = pb.StoredReadBatch.FromString(encode_read_batch(BATCH))
    wire = pb.ReadBatch.FromString(stored.batch)
    wire.at.seconds = 10**15
    body = wire.SerializeToString()
    raw = pb.StoredReadBatch(batch=body, hash=sha256(body).digest()).SerializeToString()
    with pytest.raises(DamagedReadBatch):
        decode_read_batch(raw)


def test_a_batch_without_its_hash_is_refused() -> None:
    """Any other bytes are damage."""
    for raw in (b"", b"\xff", encode_read_batch(BATCH)[1:]):
        with pytest.raises(DamagedReadBatch):
            decode_read_batch(raw)
