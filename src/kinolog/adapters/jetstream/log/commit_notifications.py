"""Notifications of a job's commits on JetStream: the live copies that the server publishes."""

from __future__ import annotations

import asyncio
import contextlib

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, log_unavailable


class JetStreamCommitSubscription:
    """Receives the positions of a job's commits until it is closed. The client renews it after a reconnect."""

    def __init__(self) -> None:
        self._positions: asyncio.Queue[int] = asyncio.Queue()
        self._subscription: Subscription | None = None

    async def open(self, client: Client, job_id: str) -> None:
        """Subscribe to the job's live copies. Raises the errors of `NO_ANSWER`."""
        self._subscription = await client.subscribe(subjects.live(job_id), cb=self._receive)

    async def next_position(self, timeout_seconds: float) -> int | None:
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._positions.get()
        except TimeoutError:
            return None

    async def close(self) -> None:
        if self._subscription is not None:
            with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
                await self._subscription.unsubscribe()

    async def _receive(self, message: Msg) -> None:
        self._positions.put_nowait(int((message.headers or {}).get("Nats-Sequence", "0")))


class JetStreamCommitNotifier:
    """Subscribes to the commits of jobs over one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def subscribe(self, job_id: str) -> JetStreamCommitSubscription:
        subscription = JetStreamCommitSubscription()
        try:
            await subscription.open(self._client, job_id)
        except NO_ANSWER as error:
            raise log_unavailable(f"subscribing to job {job_id}", error) from error
        return subscription
