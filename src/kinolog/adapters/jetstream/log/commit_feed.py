"""Commits from a durable consumer of EVENTS: the server stores the reader's position.

A reader that needs few kinds of events names them: other commits are not decoded.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import JetStreamApiError, api_request
from kinolog.adapters.jetstream.client.consumers import acknowledge, create_durable_consumer
from kinolog.adapters.jetstream.client.pull_consumer import PullConsumer
from kinolog.adapters.jetstream.client.stored_messages import StoredMessage
from kinolog.adapters.jetstream.log.log_reader import decoded, decoded_of
from kinolog.job.commit import RecordedCommit
from kinolog.ports.commit_feed import FeedProgress
from kinolog.ports.event_store import LogUnavailable

ACK_WAIT_SECONDS = 30.0
BATCH = 500


class JetStreamCommitFeed:
    """Commits for the reader `name`, each at least once. Readers of one name share them.

    With `kinds`, such as `queued`, the feed yields only commits with an event of one of these kinds.
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
        self._pull = PullConsumer(client, subjects.EVENTS, self._create_consumer, BATCH)
        self._unacknowledged: dict[int, Msg] = {}

    async def take(self) -> Sequence[RecordedCommit]:
        batch: list[RecordedCommit] = []
        while not batch:
            for message in await self._pull.get():
                stored = StoredMessage(message.subject, message.metadata.sequence.stream, message.data)
                commit = decoded_of(stored, self._kinds) if self._kinds else decoded(stored)
                if commit is None:
                    await acknowledge(message)
                else:
                    self._unacknowledged[stored.position] = message
                    batch.append(commit)
        return sorted(batch, key=lambda recorded: recorded.position)

    async def acknowledge(self, batch: Sequence[RecordedCommit]) -> None:
        for recorded in batch:
            message = self._unacknowledged.pop(recorded.position, None)
            if message is not None:
                await acknowledge(message)

    async def progress(self) -> FeedProgress:
        try:
            info = await api_request(self._client, f"$JS.API.CONSUMER.INFO.{subjects.EVENTS}.{self._name}")
        except JetStreamApiError as error:
            raise LogUnavailable(str(error)) from error
        waiting = int(info["num_pending"]) + int(info["num_ack_pending"])
        return FeedProgress(int(info["ack_floor"]["stream_seq"]), waiting)

    async def close(self) -> None:
        await self._pull.close()

    async def _create_consumer(self) -> str:
        name = await create_durable_consumer(
            self._client,
            subjects.EVENTS,
            self._name,
            subjects.EVENTS_SUBJECTS,
            ack_wait_seconds=self._ack_wait_seconds,
            deliver_policy="all",
            max_deliver=-1,
            max_ack_pending=4 * BATCH,
        )
        self._unacknowledged.clear()
        return name
