"""The consumers of the work queue, one per model class and lane, whose waiting requests have priorities.

Of the pull requests that wait, the server answers those with the least number first: policy `prioritized`, decision 95.
Consumers of earlier versions of kinolog get the policy in place and keep what is delivered.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.consumers import create_durable_consumer
from kinolog.adapters.jetstream.queue.ticket_issuer import lane_info

MAX_HELD = 100_000
"""Tickets of one lane that may be held or delayed at once."""

MAX_WAITING = 10_000
"""Pull requests that may wait at one lane at once."""

CHECK_SECONDS = 300.0
"""Interval at which consumers are created again: a worker of an earlier version may have changed them."""

GROUP = "warm"
"""The one group of the requests. The server needs a name."""

PRIORITIZED: Mapping[str, object] = {"priority_policy": "prioritized", "priority_groups": [GROUP]}


class LaneConsumers:
    """Creates the consumers of model classes."""

    def __init__(
        self, client: Client, lanes: tuple[str, ...], *, ack_wait_seconds: float, max_deliveries: int
    ) -> None:
        self._client = client
        self._lanes = lanes
        self._ack_wait_seconds = ack_wait_seconds
        self._max_deliveries = max_deliveries
        self._created_at: dict[str, float] = {}
        """When the consumers of each class were created last, on the monotonic clock."""

    def pull_options(self, coldness: int) -> dict[str, object]:
        """Return the options of a pull request of a worker with this coldness."""
        return {"group": GROUP, "priority": coldness}

    def forget(self) -> None:
        """Create the consumers again before they are used next."""
        self._created_at.clear()

    async def create(self, model_class: str) -> None:
        """Create the consumers of a class, unless that was done lately.

        Raises `JetStreamApiError`, `LogUnavailable`.
        """
        now = time.monotonic()
        if now - self._created_at.get(model_class, -CHECK_SECONDS) < CHECK_SECONDS:
            return
        for lane in self._lanes:
            await self._create(model_class, lane, **PRIORITIZED)
        self._created_at[model_class] = now

    async def create_missing(self, model_class: str) -> list[str]:
        """Create those that no worker has created, whose settings may differ. Return their names.

        Raises `JetStreamApiError`, `LogUnavailable`.
        """
        missing = [lane for lane in self._lanes if not await self._is_there(model_class, lane)]
        for lane in missing:
            await self._create(model_class, lane, **PRIORITIZED)
        return [subjects.work_consumer(model_class, lane) for lane in missing]

    async def _is_there(self, model_class: str, lane: str) -> bool:
        return await lane_info(self._client, subjects.work_consumer(model_class, lane)) is not None

    async def _create(self, model_class: str, lane: str, **policy: object) -> None:
        name = subjects.work_consumer(model_class, lane)
        await create_durable_consumer(
            self._client,
            subjects.WORK,
            name,
            subjects.work_filter(model_class, lane),
            ack_wait_seconds=self._ack_wait_seconds,
            max_deliver=self._max_deliveries,
            max_ack_pending=MAX_HELD,
            max_waiting=MAX_WAITING,
            **policy,
        )
