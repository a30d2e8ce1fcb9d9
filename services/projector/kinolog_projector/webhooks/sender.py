"""Calls the webhooks whose deliveries are due: many at once, few of each receiver, fewer of those that fail."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from random import SystemRandom

from kinolog.access.webhook import Webhook
from kinolog.connections.recent_entries import RecentEntries
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.privacy.master_keys import KeyNotUnwrapped
from kinolog.privacy.sealer import UnsealFailed
from kinolog.process.logs import fields
from kinolog.webhooks.delivery_history import DeliveryStatus
from kinolog.webhooks.retries import pause_seconds
from kinolog_projector.webhooks.call_outcome import CallOutcome, NextTry
from kinolog_projector.webhooks.delivery_tables import DeliveryTables, DueDelivery
from kinolog_projector.webhooks.known_webhooks import KnownWebhooks
from kinolog_projector.webhooks.receiver_calls import ReceiverCalls

logger = logging.getLogger(__name__)

CALLS = 64
"""Calls at once."""
LANE_CALLS = 4
"""Calls at once to one receiver."""
UNPROVEN_CALLS = 32
"""Calls at once to receivers that did not accept the last one, or had none yet: one to each of them. The others never
wait for all of these.
"""
KNOWN_LANES = 10_000
"""Receivers whose last call is remembered: so many that accepted it, and so many that did not."""
LONGEST_WAIT_SECONDS = 60.0
TRIED_FOR = timedelta(days=3)
"""How long a message is tried whose receiver is not to blame."""
LONGEST_PAUSE_SECONDS = 900.0
"""Longest pause between two such tries."""


class Sender:
    """Tries deliveries until each is accepted or has failed for good. A process that is killed tries again."""

    def __init__(
        self,
        tables: DeliveryTables,
        known: KnownWebhooks,
        calls: ReceiverCalls,
        clock: Clock,
        pauses: Sequence[float],
    ) -> None:
        self._tables = tables
        self._known = known
        self._calls = calls
        self._clock = clock
        self._pauses = pauses
        self._random = SystemRandom()
        self._running: dict[str, DueDelivery] = {}
        self._proven = RecentEntries[str, None](KNOWN_LANES)
        """Lanes whose last call was accepted."""
        self._failing = RecentEntries[str, None](KNOWN_LANES)
        """Lanes whose last call was not."""
        self.delivered = self.failed = self.tried = 0

    @property
    def running(self) -> int:
        """Calls that are made now."""
        return len(self._running)

    async def run(self, wake: asyncio.Event) -> None:
        """Send what is due until cancelled. `wake` says that there may be more. Raises `psycopg.Error`."""
        async with asyncio.TaskGroup() as group:
            while True:
                wake.clear()
                now = self._clock()
                for due in self._startable(
                    await self._tables.due(now, self._running, self._failing, LANE_CALLS)
                ):
                    self._running[due.delivery_id] = due
                    task = group.create_task(self._deliver(due))
                    task.add_done_callback(partial(self._on_end, due, wake))
                next_at = await self._tables.next_at(now)  # what is due already waits for the end of a call
                wait = LONGEST_WAIT_SECONDS
                if next_at is not None:
                    wait = min(wait, max(0.0, (next_at - self._clock()).total_seconds()))
                try:
                    async with asyncio.timeout(wait):
                        await wake.wait()
                except TimeoutError:
                    pass

    def _startable(self, due: Sequence[DueDelivery]) -> list[DueDelivery]:
        """Return those that the limits allow now."""
        lanes = Counter(one.lane for one in self._running.values())
        unproven = sum(number for lane, number in lanes.items() if lane not in self._proven)
        total, starting = len(self._running), list[DueDelivery]()
        for one in due:
            is_proven = one.lane in self._proven
            if (
                total < CALLS
                and lanes[one.lane] < (LANE_CALLS if is_proven else 1)
                and (is_proven or unproven < UNPROVEN_CALLS)
            ):
                starting.append(one)
                lanes[one.lane] += 1
                total += 1
                unproven += not is_proven
        return starting

    def _on_end(self, due: DueDelivery, wake: asyncio.Event, _: object) -> None:
        self._running.pop(due.delivery_id, None)
        wake.set()

    async def _deliver(self, due: DueDelivery) -> None:
        webhook = self._known.book.by_id(due.webhook_id)
        if webhook is None or (not webhook.is_of_jobs and self._known.is_off(webhook)):
            outcome = CallOutcome(error="the webhook is deleted or switched off")
            await self._tables.settle(due, outcome, self._clock(), DeliveryStatus.FAILED, None)
            return
        try:
            outcome = await self._calls.call(webhook, due)
        except (DamagedLog, KeyNotUnwrapped, UnsealFailed) as error:
            extra = fields("webhook_unreadable", webhook=due.webhook_id, job=due.job_id)
            logger.error("address or secret of a webhook cannot be read: %s", error, extra=extra)
            outcome = CallOutcome(error="address or secret cannot be read")
        except LogUnavailable:
            raise
        except Exception as error:
            # One call that cannot be made must not stop the others. The message is left out: it may quote the address.
            extra = fields("webhook_failed", webhook=due.webhook_id, job=due.job_id)
            logger.error("a call of a webhook could not be made: %s", type(error).__name__, extra=extra)
            outcome = CallOutcome(error="kinolog could not make the call")
        await self._settle(webhook, due, outcome)

    async def _settle(self, webhook: Webhook, due: DueDelivery, outcome: CallOutcome) -> None:
        now = self._clock()
        self.tried += 1
        if outcome.is_accepted:
            self._failing.pop(due.lane, None)
            self._proven[due.lane] = None
            self.delivered += 1
            await self._tables.settle(due, outcome, now, DeliveryStatus.DELIVERED, None)
            return
        self._proven.pop(due.lane, None)
        self._failing[due.lane] = None
        pause = self._pause_seconds(due, outcome.retry, now)
        if pause is None:
            self.failed += 1
            await self._tables.settle(due, outcome, now, DeliveryStatus.FAILED, None)
            if not webhook.is_of_jobs and outcome.retry in (NextTry.USUAL, NextTry.GONE):
                await self._consider(webhook, due, outcome)
            return
        next_at = now + timedelta(seconds=pause)
        await self._tables.settle(due, outcome, now, DeliveryStatus.PENDING, next_at)

    def _pause_seconds(self, due: DueDelivery, retry: NextTry, now: datetime) -> float | None:
        """Return the pause before the next try; None if there is none."""
        pause = pause_seconds(self._pauses, due.attempts + 1, self._random.random())
        match retry:
            case NextTry.USUAL:
                return pause
            case NextTry.FOR_DAYS if now - due.created_at < TRIED_FOR:
                return LONGEST_PAUSE_SECONDS if pause is None else min(pause, LONGEST_PAUSE_SECONDS)
            case _:
                return None

    async def _consider(self, webhook: Webhook, due: DueDelivery, outcome: CallOutcome) -> None:
        """Switch a webhook off whose receiver wants no calls, or accepted none while this delivery was tried."""
        if outcome.retry is NextTry.GONE:
            reason = f"its receiver answered {outcome.status_code}: it is gone"
        elif not await self._tables.accepted_since(webhook.webhook_id, due.created_at):
            reason = f"its receiver accepted nothing since {due.created_at:%Y-%m-%d %H:%M} UTC"
        else:
            return
        logger.warning(
            "a webhook is switched off: %s",
            reason,
            extra=fields("webhook_off", webhook=webhook.webhook_id, tenant=webhook.tenant),
        )
        await self._known.switch_off(webhook, reason)
