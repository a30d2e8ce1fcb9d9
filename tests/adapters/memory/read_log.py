"""The stream of reads and the record of them, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from kinolog.codec.reads.read_batches import decode_read_batch, encode_read_batch
from kinolog.ports.event_store import LogUnavailable
from kinolog.reads.read import Read, ReadBatch, RecordedReadBatch
from kinolog.reads.read_log import ReadLogPage, ReadPlace, ReadSearch, StoredRead
from kinolog.reads.read_query import ReadCondition, ReadField, ReadQuery


class MemoryReadLog:
    """Batches of reads, which an api stores and nobody deletes but the test."""

    def __init__(self) -> None:
        self.batches: list[RecordedReadBatch] = []
        self.unavailable = False
        self._last = 0

    async def append(self, batch: ReadBatch) -> None:
        if self.unavailable:
            raise LogUnavailable("the stream of reads does not answer")
        raw = encode_read_batch(batch)
        if any(recorded.raw == raw for recorded in self.batches):
            return
        self._last += 1
        self.batches.append(RecordedReadBatch(position=self._last, batch=decode_read_batch(raw), raw=raw))

    async def after(self, position: int) -> ReadLogPage:
        return ReadLogPage(batches=tuple(each for each in self.batches if each.position > position))

    async def size_bytes(self) -> int:
        return sum(len(each.raw) for each in self.batches)

    async def forget_until(self, position: int) -> None:
        self.batches = [each for each in self.batches if each.position > position]

    def reads(self, tenant: str = "default") -> list[Read]:
        """Return all reads of a tenant, as they were stored."""
        return [read for each in self.batches if each.batch.tenant == tenant for read in each.batch.reads]


class MemoryReadHistory:
    """Searches the batches of a stream: their positions are their numbers."""

    def __init__(self, log: MemoryReadLog) -> None:
        self._log = log

    async def search(self, tenant: str, search: ReadSearch) -> Sequence[StoredRead]:
        found = [
            StoredRead(place=ReadPlace(each.position, index), read=read, address_key=each.batch.address_key)
            for each in self._log.batches
            if each.batch.tenant == tenant
            for index, read in enumerate(each.batch.reads)
            if _holds(search.query, read)
        ]
        ordered = found if search.oldest_first else found[::-1]
        beyond = search.beyond
        if beyond is not None:
            ordered = [
                one for one in ordered if (one.place > beyond) == search.oldest_first and one.place != beyond
            ]
        return ordered[: search.limit]

    async def stored_batch(self, tenant: str, number: int) -> bytes | None:
        found = (each for each in self._log.batches if (each.batch.tenant, each.position) == (tenant, number))
        return next((each.raw for each in found), None)


def _holds(query: ReadQuery, read: Read) -> bool:
    return (
        (query.since is None or read.last_at >= query.since)
        and (query.until is None or read.first_at < query.until)
        and all(_meets(one, read) for one in query.conditions if one.field is not ReadField.ADDRESS)
    )


def _meets(condition: ReadCondition, read: Read) -> bool:
    facts = read.facts
    values = {
        ReadField.ACTOR: {facts.actor},
        ReadField.KEY: {facts.api_key_id},
        ReadField.CLIENT: {facts.client, facts.client.partition("/")[0]},
        ReadField.KIND: {facts.kind.value},
        ReadField.METHOD: {facts.method},
        ReadField.JOB: {facts.job_id},
        ReadField.OUTCOME: {facts.outcome},
    }[condition.field]
    return bool(values & set(condition.values)) is not condition.excludes
