"""Commits from a durable consumer of EVENTS: the server remembers how far its reader came."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from kinolog import subjects
from kinolog.adapters.jetstream.asking import NO_ANSWER, ask
from kinolog.adapters.jetstream.raw_pull import decoded
from kinolog.adapters.jetstream.reading import Stored
from kinolog.adapters.jetstream.standing_pull import StandingPull
from kinolog.job.commit import Recorded

ACK_WAIT_SECONDS = 30.0
BATCH = 500


class JetStreamCommitFeed:
    """All commits for the reader `name`, each at least once. Readers of one name share them."""

    def __init__(self, client: Client, name: str, ack_wait_seconds: float = ACK_WAIT_SECONDS) -> None:
        self._client = client
        self._name = name
        self._ack_wait_seconds = ack_wait_seconds
        self._pull = StandingPull(client, subjects.EVENTS, self._prepare, BATCH)
        self._taken: dict[int, Msg] = {}

    async def take(self) -> Sequence[Recorded]:
        messages = await self._pull.get()
        batch = []
        for message in messages:
            position = message.metadata.sequence.stream
            self._taken[position] = message
            batch.append(decoded(Stored(message.subject, position, message.data)))
        return sorted(batch, key=lambda recorded: recorded.position)

    async def done(self, batch: Sequence[Recorded]) -> None:
        for recorded in batch:
            message = self._taken.pop(recorded.position, None)
            if message is not None:
                with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
                    await message.ack()

    async def close(self) -> None:
        await self._pull.close()

    async def _prepare(self) -> str:
        config = {
            "name": self._name,
            "durable_name": self._name,
            "filter_subject": subjects.EVENTS_SUBJECTS,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": int(self._ack_wait_seconds * 1e9),
            "max_deliver": -1,
            "max_ack_pending": 4 * BATCH,
        }
        await ask(
            self._client,
            f"$JS.API.CONSUMER.CREATE.{subjects.EVENTS}.{self._name}.{subjects.EVENTS_SUBJECTS}",
            {"stream_name": subjects.EVENTS, "config": config},
        )
        self._taken.clear()
        return self._name
