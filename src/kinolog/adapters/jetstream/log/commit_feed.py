"""Commits from a durable consumer of EVENTS: the server remembers how far its reader came.

A reader that needs few kinds of events names them: most commits are stages of running jobs, and making objects of
those only to pass them over would cost five times as much as looking at their kinds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, api_request
from kinolog.adapters.jetstream.client.pull_consumer import PullConsumer
from kinolog.adapters.jetstream.client.stored_messages import StoredMessage
from kinolog.adapters.jetstream.log.log_reader import decoded
from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.job.commit import Recorded
from kinolog.ports.event_store import DamagedLog

ACK_WAIT_SECONDS = 30.0
BATCH = 500


class JetStreamCommitFeed:
    """Commits for the reader `name`, each at least once. Readers of one name share them.

    With `kinds`, such as `queued`, only commits that hold an event of one of these kinds are handed out.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        *,
        kinds: Collection[str] = (),
        ack_wait_seconds: float = ACK_WAIT_SECONDS,
    ) -> None:
        self._client = client
        self._name = name
        self._kinds = frozenset(kinds)
        self._ack_wait_seconds = ack_wait_seconds
        self._pull = PullConsumer(client, subjects.EVENTS, self._prepare, BATCH)
        self._taken: dict[int, Msg] = {}

    async def take(self) -> Sequence[Recorded]:
        batch: list[Recorded] = []
        while not batch:
            for message in await self._pull.get():
                stored = StoredMessage(message.subject, message.metadata.sequence.stream, message.data)
                if self._wanted(stored):
                    self._taken[stored.position] = message
                    batch.append(decoded(stored))
                else:
                    await _acknowledge(message)
        return sorted(batch, key=lambda recorded: recorded.position)

    async def acknowledge(self, batch: Sequence[Recorded]) -> None:
        for recorded in batch:
            message = self._taken.pop(recorded.position, None)
            if message is not None:
                await _acknowledge(message)

    async def close(self) -> None:
        await self._pull.close()

    def _wanted(self, stored: StoredMessage) -> bool:
        """Whether a commit is to be handed out. Raises `DamagedLog`."""
        if not self._kinds:
            return True
        try:
            commit, _ = parse_commit(stored.data)
        except DamagedCommit as error:
            raise DamagedLog(f"position {stored.position}: {error}") from error
        return any(event.WhichOneof("kind") in self._kinds for event in commit.events)

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
        await api_request(
            self._client,
            f"$JS.API.CONSUMER.CREATE.{subjects.EVENTS}.{self._name}.{subjects.EVENTS_SUBJECTS}",
            {"stream_name": subjects.EVENTS, "config": config},
        )
        self._taken.clear()
        return self._name


async def _acknowledge(message: Msg) -> None:
    with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
        await message.ack()
