"""Progress in JetStream: published without waiting, stored for a day in the stream PROGRESS."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence

import nats.errors
from nats.aio.client import Client
from nats.nuid import NUID

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, JetStreamApiError, api_request, purge
from kinolog.adapters.jetstream.client.consumers import create_consumer, nanoseconds
from kinolog.adapters.jetstream.client.pull_consumer import PullConsumer
from kinolog.adapters.jetstream.client.stored_messages import StoredMessageReader
from kinolog.codec.progress import decode_progress_update, encode_progress_update
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.progress import PreviewImage, Progress, ProgressUpdate

logger = logging.getLogger(__name__)

IDLE_SECONDS = 60.0
"""The server deletes the consumer of a vanished follower after this long."""


class JetStreamProgressFeed:
    """Progress in the stream PROGRESS. `close` it before its connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reader = StoredMessageReader(client, subjects.PROGRESS)

    async def publish(self, update: ProgressUpdate) -> None:
        subject = subjects.progress(update.job_id, update.attempt)
        try:
            await self._client.publish(subject, encode_progress_update(update))
        except (nats.errors.Error, *NO_ANSWER) as error:
            logger.debug("progress of job %s is lost: %s", update.job_id, error)

    async def follow(
        self, job_id: str | None = None, after: int | None = None
    ) -> AsyncGenerator[ProgressUpdate, None]:
        consumer = _FollowerConsumer(
            self._client, subjects.progress_of(job_id) if job_id else subjects.PROGRESS_SUBJECTS, after
        )
        pull = PullConsumer(self._client, subjects.PROGRESS, consumer.create)
        try:
            while True:
                for message in await pull.get():
                    position = message.metadata.sequence.stream
                    if not consumer.is_new(position):
                        continue
                    update = decode_progress_update(message.data, position)
                    if update is not None:
                        yield update
        finally:
            await pull.close()

    async def last_position(self) -> int:
        try:
            return await _last_position(self._client)
        except JetStreamApiError as error:
            raise LogUnavailable(str(error)) from error

    async def recent(self, job_id: str) -> Sequence[ProgressUpdate]:
        return await self._read(subjects.progress_of(job_id))

    async def last_progress(self, job_id: str, attempt: int) -> Progress | None:
        subject = subjects.progress(job_id, attempt)
        last = await self._reader.last(subject)
        if last is None:
            return None
        update = decode_progress_update(last.data, last.position)
        if isinstance(update, Progress):
            return update
        updates = [update for update in await self._read(subject) if isinstance(update, Progress)]
        return updates[-1] if updates else None

    async def last_preview(self, job_id: str, attempt: int) -> PreviewImage | None:
        updates = await self._read(subjects.progress(job_id, attempt))
        return next((update for update in reversed(updates) if isinstance(update, PreviewImage)), None)

    async def erase(self, job_id: str) -> None:
        await purge(self._client, subjects.PROGRESS, {"filter": subjects.progress_of(job_id)})

    async def close(self) -> None:
        """Close the inbox."""
        await self._reader.close()

    async def _read(self, subject: str) -> list[ProgressUpdate]:
        decoded = [
            decode_progress_update(stored.data, stored.position)
            async for stored in self._reader.all_messages(subject)
        ]
        return [update for update in decoded if update is not None]


async def _last_position(client: Client) -> int:
    info = await api_request(client, f"$JS.API.STREAM.INFO.{subjects.PROGRESS}")
    return int(info["state"]["last_seq"])


class _FollowerConsumer:
    """The consumer of one follower. After a loss it is created again, after the last message that was read."""

    def __init__(self, client: Client, subject: str, after: int | None) -> None:
        self._client = client
        self._subject = subject
        self._next = 0 if after is None else after + 1

    def is_new(self, position: int) -> bool:
        """Return whether the message was not read before."""
        if position < self._next:
            return False
        self._next = position + 1
        return True

    async def create(self) -> str:
        """Create a consumer. Return its name."""
        start: dict[str, object] = {"deliver_policy": "new"}
        if self._next:
            if await _last_position(self._client) < self._next - 1:
                self._next = 1  # the stream was made again, after a clock was set back
            start = {"deliver_policy": "by_start_sequence", "opt_start_seq": self._next}
        name = f"follow-{NUID().next().decode()}"
        created = await create_consumer(
            self._client,
            subjects.PROGRESS,
            name,
            self._subject,
            ack_policy="none",
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=nanoseconds(IDLE_SECONDS),
            **start,
        )
        if not self._next:
            self._next = int(created["delivered"]["stream_seq"]) + 1
        return name
