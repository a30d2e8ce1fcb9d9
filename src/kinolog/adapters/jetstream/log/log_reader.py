"""Read a stream of commits, such as EVENTS, in order and without a gap. See docs/decisions/0020."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import api_request
from kinolog.adapters.jetstream.client.leader_read import at_leader
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.adapters.jetstream.client.stored_messages import MessageBatch, StoredMessage, StoredMessageReader
from kinolog.codec.commits import DamagedCommit, decode_commit, decode_commit_of
from kinolog.job.commit import RecordedCommit
from kinolog.ports.event_store import DamagedLog
from kinolog.process.tasks import end_tasks

logger = logging.getLogger(__name__)

LEADER_PAUSES_SECONDS = (0.1, 0.4, 1.0)
"""Pauses before a log that ends too early counts as damaged: a new leader may not have applied everything yet."""


def decoded(stored: StoredMessage) -> RecordedCommit:
    """Return the commit in a stored message. Raises `DamagedLog`."""
    try:
        return decode_commit(stored.position, stored.data)
    except DamagedCommit as error:
        raise _damaged(stored, error) from error


def decoded_of(stored: StoredMessage, kinds: Collection[str]) -> RecordedCommit | None:
    """Return the commit in a stored message if it has an event of these kinds. Raises `DamagedLog`."""
    try:
        return decode_commit_of(stored.position, stored.data, kinds)
    except DamagedCommit as error:
        raise _damaged(stored, error) from error


def _damaged(stored: StoredMessage, error: DamagedCommit) -> DamagedLog:
    return DamagedLog(f"position {stored.position}: {error}")


class Positioned(Protocol):
    """What has a position in a stream."""

    @property
    def position(self) -> int: ...


CommitT = TypeVar("CommitT", bound=Positioned)


class CommitStreamReader(Generic[CommitT]):
    """Reads one stream in order. Requests the next batch while the caller works on one.

    `decode` returns the commit in a stored message, or raises `DamagedLog`. The server republishes stored messages to
    `live_subjects`.
    """

    def __init__(
        self,
        client: Client,
        reader: StoredMessageReader,
        stream: str,
        live_subjects: str,
        decode: Callable[[StoredMessage], CommitT],
        retry_timeout_seconds: float,
    ) -> None:
        self.client = client
        self.live_subjects = live_subjects
        self.decode = decode
        self._stream = stream
        self._reader = reader
        self._patience_seconds = retry_timeout_seconds

    async def last_position(self, at_least: int = 0) -> int:
        """Return the position of the last commit at the stream's leader; 0 if there is none.

        Raises `DamagedLog` if the log ends before `at_least`, after `LEADER_PAUSES_SECONDS`; `LogUnavailable`.
        """
        for pause in (*LEADER_PAUSES_SECONDS, None):
            last = await retry_until_answered(self._last_position, self._patience_seconds)
            if last >= at_least:
                return last
            if pause is not None:
                await asyncio.sleep(pause)
        raise DamagedLog(f"the log ends at {last}, before {at_least}")

    async def between(self, after: int, until: int) -> AsyncGenerator[Sequence[CommitT], None]:
        """Yield the commits after `after` up to `until`; the stream must hold them.

        Raises `DamagedLog`, `LogUnavailable`.
        """
        reading = self._start(after, until)
        try:
            while reading is not None:
                messages = (await reading)[: until - after]
                after = messages[-1].position
                reading = self._start(after, until)
                yield list(map(self.decode, messages))
        finally:
            if reading is not None:
                await end_tasks((reading,))

    def _start(self, after: int, until: int) -> asyncio.Task[list[StoredMessage]] | None:
        """Request the batch after `after`; None if nothing is left to read."""
        if after >= until:
            return None
        return asyncio.create_task(
            retry_until_answered(partial(self._contiguous, after), self._patience_seconds)
        )

    async def _contiguous(self, after: int) -> list[StoredMessage]:
        """Return the next messages after `after`, at least one, without a gap. Raises as `between`."""
        batch = await self._reader.after(after)
        for expected, stored in enumerate(batch.messages, start=after + 1):
            if stored.position != expected:
                return await self._across_gap(batch, after, expected)
        if not batch.messages:
            return await self._across_gap(batch, after, after + 1)
        return batch.messages

    async def _across_gap(self, batch: MessageBatch, after: int, missing: int) -> list[StoredMessage]:
        """Read across a gap: the replica that answered may lag. What the leader does not have is lost."""
        if missing > after + 1:
            return batch.messages[: missing - after - 1]
        stored = await at_leader(self.client, self._stream, missing)
        if stored is None:
            raise DamagedLog(f"the log has lost position {missing}")
        logger.warning("a replica of the log does not have position %d yet, its leader has it", missing)
        return [stored]

    async def _last_position(self) -> int:
        info = await api_request(self.client, f"$JS.API.STREAM.INFO.{self._stream}")
        return int(info["state"]["last_seq"])


class LogReader(CommitStreamReader[RecordedCommit]):
    """Reads EVENTS: all of it in order, or the commits of one job."""

    def __init__(self, client: Client, reader: StoredMessageReader, retry_timeout_seconds: float) -> None:
        super().__init__(
            client, reader, subjects.EVENTS, subjects.LIVE_SUBJECTS, decoded, retry_timeout_seconds
        )

    async def of_job(self, job_id: str) -> AsyncIterator[RecordedCommit]:
        """Yield the commits of one job, oldest first. Raises `DamagedLog`, `LogUnavailable`."""
        subject = subjects.events(job_id)
        after, more = 0, True
        while more:
            read = partial(self._reader.of_subject, subject, after)
            batch = await retry_until_answered(read, self._patience_seconds)
            for stored in batch.messages:
                yield decoded(stored)
                after = stored.position
            more = batch.more
