"""The tables of deliveries: what is planned, what is due, and what became of it."""

from __future__ import annotations

import asyncio
from base64 import b32encode
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from psycopg.rows import dict_row

from kinolog.readmodel.database import Connection
from kinolog.webhooks.delivery_history import DeliveryStatus, SwitchedOff
from kinolog_projector.webhooks.call_outcome import CallOutcome

KEPT = timedelta(days=30)
"""How long deliveries that ended stay."""
KEPT_TRIES = 30
"""Tries of one delivery that stay, the newest: an e-mail whose server is away is tried 290 times."""
MOST_DUE = 500
"""Most deliveries of one answer."""

ADD = """
INSERT INTO kinolog.webhook_deliveries (delivery_id, webhook_id, tenant, lane, message_id, event, job_id, body, status,
    redelivery, created_at, attempts, next_at)
VALUES (%(delivery_id)s, %(webhook_id)s, %(tenant)s, %(lane)s, %(message_id)s, %(event)s, %(job_id)s, %(body)s,
    'pending', false, %(created_at)s, 0, %(created_at)s)
ON CONFLICT DO NOTHING
"""
REPEAT = """
INSERT INTO kinolog.webhook_deliveries (delivery_id, webhook_id, tenant, lane, message_id, event, job_id, body, status,
    redelivery, created_at, attempts, next_at)
SELECT %(delivery_id)s, webhook_id, tenant, lane, message_id, event, job_id, body, 'pending', true, %(at)s, 0, %(at)s
FROM kinolog.webhook_deliveries WHERE delivery_id = %(repeats)s AND webhook_id = %(webhook_id)s
ON CONFLICT DO NOTHING
"""
DUE = """
WITH RECURSIVE lanes AS (
    (SELECT lane FROM kinolog.webhook_deliveries WHERE next_at IS NOT NULL ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (SELECT others.lane FROM kinolog.webhook_deliveries AS others WHERE others.next_at IS NOT NULL
        AND others.lane > lanes.lane ORDER BY others.lane LIMIT 1)
    FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT due.* FROM lanes CROSS JOIN LATERAL (
    SELECT delivery_id, webhook_id, tenant, lane, message_id, job_id, body, attempts, created_at, next_at
    FROM kinolog.webhook_deliveries WHERE lane = lanes.lane AND next_at <= %(now)s
    AND delivery_id <> ALL(%(running)s::text[]) ORDER BY next_at LIMIT %(lane_limit)s
) AS due
WHERE lanes.lane IS NOT NULL
ORDER BY due.lane = ANY(%(failing)s::text[]),
    row_number() OVER (PARTITION BY due.tenant, due.lane = ANY(%(failing)s::text[]) ORDER BY due.next_at), due.next_at
LIMIT %(limit)s
"""
"""Reads the lanes one after the other in the index, so that a lane with many deliveries hides no other one. Tenants
take turns, so that one with many lanes hides no other tenant.
"""
NEXT = "SELECT min(next_at) FROM kinolog.webhook_deliveries WHERE next_at > %s"
TRIED = """
INSERT INTO kinolog.webhook_tries (delivery_id, tenant, number, at, status_code, milliseconds, response_bytes, error)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
FORGET_TRIES = "DELETE FROM kinolog.webhook_tries WHERE delivery_id = %s AND number <= %s"
SETTLE = """
UPDATE kinolog.webhook_deliveries SET attempts = %s, status = %s, next_at = %s WHERE delivery_id = %s
"""
END_ALL = """
UPDATE kinolog.webhook_deliveries SET status = 'failed', next_at = NULL
WHERE webhook_id = %s AND next_at IS NOT NULL
"""
ACCEPTED_SINCE = """
SELECT EXISTS (SELECT FROM kinolog.webhook_deliveries
    JOIN kinolog.webhook_tries AS tries USING (delivery_id)
    WHERE webhook_id = %s AND status = 'delivered' AND tries.at >= %s)
"""
SWITCH_OFF = """
INSERT INTO kinolog.webhooks_off (webhook_id, tenant, position, at, reason) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (webhook_id) DO UPDATE SET position = EXCLUDED.position, at = EXCLUDED.at, reason = EXCLUDED.reason
"""
ALL_OFF = "SELECT webhook_id, position, at, reason FROM kinolog.webhooks_off"
FORGET_OFF = "DELETE FROM kinolog.webhooks_off WHERE webhook_id = %s"
PRUNE = """
WITH old AS (
    DELETE FROM kinolog.webhook_deliveries WHERE delivery_id IN (
        SELECT delivery_id FROM kinolog.webhook_deliveries
        WHERE created_at < %s AND next_at IS NULL ORDER BY created_at LIMIT 1000
    ) RETURNING delivery_id
), tries AS (DELETE FROM kinolog.webhook_tries USING old WHERE webhook_tries.delivery_id = old.delivery_id)
SELECT count(*) FROM old
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDelivery:
    """One message to one webhook."""

    webhook_id: str
    tenant: str
    lane: str
    message_id: str
    event: str
    job_id: str
    body: bytes

    @property
    def delivery_id(self) -> str:
        """Its id: a message that is planned twice is one delivery."""
        digest = sha256("\0".join((self.webhook_id, self.message_id, self.lane)).encode()).digest()
        return f"dlv_{b32encode(digest).decode().lower()[:26]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDelivery:
    """A delivery to try now. `attempts` were made before."""

    delivery_id: str
    webhook_id: str
    tenant: str
    lane: str
    message_id: str
    job_id: str
    body: bytes
    attempts: int
    created_at: datetime
    next_at: datetime


class DeliveryTables:
    """Reads and writes over one connection. Every method raises `psycopg.Error`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()

    async def add(self, planned: Sequence[PlannedDelivery], at: datetime) -> None:
        """Add deliveries. Those that are there stay."""
        rows = [asdict(one) | {"delivery_id": one.delivery_id, "created_at": at} for one in planned]
        async with self._lock, self._connection.transaction(), self._connection.cursor() as cursor:
            await cursor.executemany(ADD, rows)

    async def repeat(self, webhook_id: str, repeats: str, new_id: str, at: datetime) -> None:
        """Add a delivery of the message of another one of the same webhook, unless it was pruned."""
        values = {"delivery_id": new_id, "repeats": repeats, "webhook_id": webhook_id, "at": at}
        async with self._lock:
            await self._connection.execute(REPEAT, values)

    async def due(
        self, now: datetime, running: Collection[str], failing: Collection[str], lane_limit: int
    ) -> list[DueDelivery]:
        """Return deliveries to try now: those of lanes that do not fail first, and of the tenants in turn."""
        values = {
            "now": now,
            "running": list(running),
            "failing": list(failing),
            "lane_limit": lane_limit,
            "limit": MOST_DUE,
        }
        async with self._lock, self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(DUE, values)
            return [DueDelivery(**row) for row in await cursor.fetchall()]

    async def next_at(self, now: datetime) -> datetime | None:
        """Return when the next delivery becomes due; None if none does."""
        async with self._lock:
            cursor = await self._connection.execute(NEXT, [now])
            row = await cursor.fetchone()
        return None if row is None else row[0]

    async def settle(
        self,
        due: DueDelivery,
        outcome: CallOutcome,
        at: datetime,
        status: DeliveryStatus,
        next_at: datetime | None,
    ) -> None:
        """Note a try, and what follows from it, together."""
        number = due.attempts + 1
        tried = (outcome.status_code, outcome.milliseconds, outcome.response_bytes, outcome.error)
        async with self._lock, self._connection.transaction():
            await self._connection.execute(TRIED, [due.delivery_id, due.tenant, number, at, *tried])
            if number > KEPT_TRIES:
                await self._connection.execute(FORGET_TRIES, [due.delivery_id, number - KEPT_TRIES])
            await self._connection.execute(SETTLE, [number, status.value, next_at, due.delivery_id])

    async def end_all(self, webhook_id: str) -> None:
        """Let all pending deliveries of a webhook fail: it is deleted or switched off."""
        async with self._lock:
            await self._connection.execute(END_ALL, [webhook_id])

    async def accepted_since(self, webhook_id: str, at: datetime) -> bool:
        """Return whether the receiver of a webhook accepted a message since then."""
        async with self._lock:
            cursor = await self._connection.execute(ACCEPTED_SINCE, [webhook_id, at])
            row = await cursor.fetchone()
        return row is not None and bool(row[0])

    async def switch_off(self, webhook_id: str, tenant: str, off: SwitchedOff) -> None:
        """Note that a webhook is called no more."""
        async with self._lock:
            await self._connection.execute(SWITCH_OFF, [webhook_id, tenant, off.position, off.at, off.reason])

    async def forget_off(self, webhook_id: str) -> None:
        """Forget that a webhook was switched off."""
        async with self._lock:
            await self._connection.execute(FORGET_OFF, [webhook_id])

    async def switched_off(self) -> dict[str, SwitchedOff]:
        """Return all webhooks that were switched off."""
        async with self._lock:
            cursor = await self._connection.execute(ALL_OFF)
            return {row[0]: SwitchedOff(*row[1:]) for row in await cursor.fetchall()}

    async def prune(self, now: datetime) -> int:
        """Delete some deliveries that ended long ago. Return their number."""
        async with self._lock:
            cursor = await self._connection.execute(PRUNE, [now - KEPT])
            row = await cursor.fetchone()
        return int(row[0]) if row is not None else 0
