"""The stream EVENTS read as commits, in order and without a gap."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from functools import partial

from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import api_request
from kinolog.adapters.jetstream.client.leader_read import at_leader
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.adapters.jetstream.client.stored_messages import MessageBatch, StoredMessage, StoredMessageReader
from kinolog.codec.commits import DamagedCommit, decode_commit
from kinolog.job.commit import Recorded
from kinolog.ports.event_store import DamagedLog

logger = logging.getLogger(__name__)

LEADER_PAUSES_SECONDS = (0.1, 0.4, 1.0)
"""Pauses before a log that ends too early is called damaged: a new leader may not have caught up with itself."""


def decoded(stored: StoredMessage) -> Recorded:
    """A stored message as a commit. Raises `DamagedLog` when it is none."""
    try:
        return decode_commit(stored.position, stored.data)
    except DamagedCommit as error:
        raise DamagedLog(f"position {stored.position}: {error}") from error


class LogReader:
    """Reads EVENTS in order. While the caller works on one batch the next is under way."""

    def __init__(self, client: Client, reader: StoredMessageReader, patience_seconds: float) -> None:
        self._client = client
        self._reader = reader
        self._patience_seconds = patience_seconds

    async def last_position(self, at_least: int = 0) -> int:
        """Position of the last commit, as the stream's leader knows it; 0 when there is none.

        Raises `DamagedLog` when the log ends before `at_least`; a leader gets a moment to find its feet.
        """
        for pause in (*LEADER_PAUSES_SECONDS, None):
            last = await retry_until_answered(self._last_position, self._patience_seconds)
            if last >= at_least:
                return last
            if pause is not None:
                await asyncio.sleep(pause)
        raise DamagedLog(f"the log ends at {last}, before {at_least}")

    async def of_job(self, job_id: str) -> AsyncIterator[Recorded]:
        """The commits of one job, oldest first."""
        subject = subjects.events(job_id)
        after, more = 0, True
        while more:
            read = partial(self._reader.of_subject, subject, after)
            batch = await retry_until_answered(read, self._patience_seconds)
            for stored in batch.messages:
                yield decoded(stored)
                after = stored.position
            more = batch.more

    async def between(self, after: int, until: int) -> AsyncIterator[Sequence[Recorded]]:
        """The commits behind `after` up to `until`, all of which the log must hold."""
        reading = self._start(after, until)
        try:
            while reading is not None:
                messages = (await reading)[: until - after]
                after = messages[-1].position
                reading = self._start(after, until)
                yield list(map(decoded, messages))
        finally:
            if reading is not None:
                reading.cancel()

    def _start(self, after: int, until: int) -> asyncio.Task[list[StoredMessage]] | None:
        """Ask for the batch behind `after`; None when nothing is left to read."""
        if after >= until:
            return None
        return asyncio.create_task(
            retry_until_answered(partial(self._contiguous, after), self._patience_seconds)
        )

    async def _contiguous(self, after: int) -> list[StoredMessage]:
        """The next messages behind `after`: at least one, and no gap. Raises `DamagedLog`, `LogUnavailable`."""
        batch = await self._reader.after(after)
        for expected, stored in enumerate(batch.messages, start=after + 1):
            if stored.position != expected:
                return await self._across_gap(batch, after, expected)
        if not batch.messages:
            return await self._across_gap(batch, after, after + 1)
        return batch.messages

    async def _across_gap(self, batch: MessageBatch, after: int, missing: int) -> list[StoredMessage]:
        """A replica that answered may lag; what the leader does not have either is lost."""
        if missing > after + 1:
            return batch.messages[: missing - after - 1]
        stored = await at_leader(self._client, subjects.EVENTS, missing)
        if stored is None:
            raise DamagedLog(f"the log has lost position {missing}")
        logger.warning("a replica of the log does not have position %d (yet); its leader has", missing)
        return [stored]

    async def _last_position(self) -> int:
        info = await api_request(self._client, f"$JS.API.STREAM.INFO.{subjects.EVENTS}")
        return int(info["state"]["last_seq"])
