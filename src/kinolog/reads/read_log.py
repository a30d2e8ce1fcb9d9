"""The stream of reads, and the record that questions about reads are answered from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kinolog.reads.read import Read, ReadBatch, RecordedReadBatch
from kinolog.reads.read_query import ReadQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLogPage:
    """The next messages of the stream, oldest first; at its end there are none.

    `damaged` are positions of messages that are no batches of reads.
    """

    batches: tuple[RecordedReadBatch, ...] = ()
    damaged: tuple[int, ...] = ()

    @property
    def last_position(self) -> int | None:
        """Position of the last message; None at the end of the stream."""
        return max((*(recorded.position for recorded in self.batches), *self.damaged), default=None)


class ReadBatchLog(Protocol):
    """The stream READS. Every adapter passes tests/contract/test_read_log.py."""

    async def append(self, batch: ReadBatch) -> None:
        """Store a batch. A repeat within two minutes has no effect. Raises `LogUnavailable`."""
        ...

    async def after(self, position: int) -> ReadLogPage:
        """Return what follows a position in the stream. Raises `LogUnavailable`."""
        ...

    async def size_bytes(self) -> int:
        """Return how many bytes the stream has. Raises `LogUnavailable`."""
        ...

    async def forget_until(self, position: int) -> None:
        """Delete all batches up to a position. Raises `LogUnavailable`."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class ReadPlace:
    """Where a read is in the record: the number of its batch, from 1, and its index there."""

    batch: int
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRead:
    """A read of the record. `address_key` is the id of the key under which its address is sealed."""

    place: ReadPlace
    read: Read
    address_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSearch:
    """A question and a page of its answer: at most `limit` reads beyond a place, newest first or oldest first.

    Conditions about addresses are not compared: the record has them sealed.
    """

    query: ReadQuery
    limit: int
    oldest_first: bool = False
    beyond: ReadPlace | None = None


class ReadHistory(Protocol):
    """The record of reads. Every adapter passes tests/contract/test_read_history.py."""

    async def search(self, tenant: str, search: ReadSearch) -> Sequence[StoredRead]:
        """Return reads of a tenant. Raises `ReadModelUnavailable`."""
        ...

    async def stored_batch(self, tenant: str, number: int) -> bytes | None:
        """Return a batch as the stream had it; None for one of another tenant, or that is deleted.

        Raises `ReadModelUnavailable`.
        """
        ...
