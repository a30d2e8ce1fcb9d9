"""Weather in JetStream: published without waiting, kept for a day in the stream PROGRESS."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence

import nats.errors
from nats.aio.client import Client
from nats.nuid import NUID

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, JetStreamApiError, api_request
from kinolog.adapters.jetstream.client.pull_consumer import PullConsumer
from kinolog.adapters.jetstream.client.stored_messages import StoredMessageReader
from kinolog.codec.progress import decode_progress_update, encode_progress_update
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.progress import Progress, ProgressUpdate

logger = logging.getLogger(__name__)

IDLE_SECONDS = 60.0
"""The server drops the consumer of a follower that has vanished after this long."""

_names = NUID()


class JetStreamProgressFeed:
    """Weather in the stream PROGRESS. `close` it before its connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reader = StoredMessageReader(client, subjects.PROGRESS)

    async def publish(self, weather: ProgressUpdate) -> None:
        subject = subjects.progress(weather.job_id, weather.attempt)
        try:
            await self._client.publish(subject, encode_progress_update(weather))
        except (nats.errors.Error, *NO_ANSWER) as error:
            logger.debug("weather of job %s is lost: %s", weather.job_id, error)

    async def follow(self, job_id: str | None = None) -> AsyncIterator[ProgressUpdate]:
        consumer = _Consumer(
            self._client, subjects.progress_of(job_id) if job_id else subjects.PROGRESS_SUBJECTS
        )
        pull = PullConsumer(self._client, subjects.PROGRESS, consumer.prepare)
        try:
            while True:
                for message in await pull.get():
                    position = message.metadata.sequence.stream
                    if not consumer.is_new(position):
                        continue
                    weather = decode_progress_update(message.data, position)
                    if weather is not None:
                        yield weather
        finally:
            await pull.close()

    async def recent(self, job_id: str) -> Sequence[ProgressUpdate]:
        return await self._read(subjects.progress_of(job_id))

    async def last_progress(self, job_id: str, attempt: int) -> Progress | None:
        subject = subjects.progress(job_id, attempt)
        last = await self._reader.last(subject)
        if last is None:
            return None
        weather = decode_progress_update(last.data, last.position)
        if isinstance(weather, Progress):
            return weather
        steps = [weather for weather in await self._read(subject) if isinstance(weather, Progress)]
        return steps[-1] if steps else None

    async def erase(self, job_id: str) -> None:
        purge = {"filter": subjects.progress_of(job_id)}
        try:
            await api_request(self._client, f"$JS.API.STREAM.PURGE.{subjects.PROGRESS}", purge)
        except JetStreamApiError as error:
            raise LogUnavailable(str(error)) from error

    async def close(self) -> None:
        """Give up the inbox for answers."""
        await self._reader.close()

    async def _read(self, subject: str) -> list[ProgressUpdate]:
        found: list[ProgressUpdate] = []
        position, more = 0, True
        while more:
            batch = await self._reader.of_subject(subject, position)
            for stored in batch.messages:
                position = stored.position
                weather = decode_progress_update(stored.data, stored.position)
                if weather is not None:
                    found.append(weather)
            more = batch.more
        return found


class _Consumer:
    """The consumer of one follower: made anew after a loss, behind the last message that was read."""

    def __init__(self, client: Client, subject: str) -> None:
        self._client = client
        self._subject = subject
        self._next = 0

    def is_new(self, position: int) -> bool:
        """Whether the message was not read before."""
        if position < self._next:
            return False
        self._next = position + 1
        return True

    async def prepare(self) -> str:
        """Create a consumer; its name."""
        name = f"follow-{_names.next().decode()}"
        config: dict[str, object] = {
            "name": name,
            "filter_subject": self._subject,
            "ack_policy": "none",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": int(IDLE_SECONDS * 1e9),
            "deliver_policy": "new",
        }
        if self._next:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": self._next}
        made = await api_request(
            self._client,
            f"$JS.API.CONSUMER.CREATE.{subjects.PROGRESS}.{name}.{self._subject}",
            {"stream_name": subjects.PROGRESS, "config": config},
        )
        if not self._next:
            self._next = int(made["delivered"]["stream_seq"]) + 1
        return name
