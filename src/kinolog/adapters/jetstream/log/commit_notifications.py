"""Bells on JetStream: the live copies that the server publishes of stored commits."""

from __future__ import annotations

import asyncio
import contextlib

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER
from kinolog.ports.event_store import LogUnavailable


class JetStreamCommitSubscription:
    """Rings until it is closed; lost connections are taken up again by the client."""

    def __init__(self) -> None:
        self._rung: asyncio.Queue[int] = asyncio.Queue()
        self._subscription: Subscription | None = None

    async def open(self, client: Client, job_id: str) -> None:
        """Begin to listen."""
        self._subscription = await client.subscribe(subjects.live(job_id), cb=self._ring)

    async def next_position(self, timeout_seconds: float) -> int | None:
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._rung.get()
        except TimeoutError:
            return None

    async def close(self) -> None:
        if self._subscription is not None:
            with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
                await self._subscription.unsubscribe()

    async def _ring(self, message: Msg) -> None:
        self._rung.put_nowait(int((message.headers or {}).get("Nats-Sequence", "0")))


class JetStreamCommitNotifier:
    """Hangs up bells at a connection."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def subscribe(self, job_id: str) -> JetStreamCommitSubscription:
        bell = JetStreamCommitSubscription()
        try:
            await bell.open(self._client, job_id)
        except NO_ANSWER as error:
            raise LogUnavailable(
                f"listening for job {job_id}: {str(error) or type(error).__name__}"
            ) from error
        return bell
