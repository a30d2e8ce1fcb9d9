"""The Postgres adapter of the history of webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from kinolog.readmodel.database import reader_connection
from kinolog.readmodel.queries.statements import SET_TENANT
from kinolog.webhooks.delivery_history import (
    DeliveryCursor,
    DeliveryStatus,
    DeliveryTry,
    StoredDelivery,
    SwitchedOff,
)

COLUMNS = "delivery_id, webhook_id, message_id, event, job_id, status, created_at, next_at, redelivery"
LIST = f"""
SELECT {COLUMNS} FROM kinolog.webhook_deliveries
WHERE webhook_id = %(webhook_id)s AND (%(status)s::text IS NULL OR status = %(status)s)
AND (%(created_at)s::timestamptz IS NULL OR (created_at, delivery_id) < (%(created_at)s, %(delivery_id)s))
ORDER BY created_at DESC, delivery_id DESC LIMIT %(limit)s
"""  # noqa: S608 - of constants alone
ONE = f"SELECT {COLUMNS} FROM kinolog.webhook_deliveries WHERE delivery_id = %s"  # noqa: S608 - of constants alone
TRIES = """
SELECT delivery_id, number, at, status_code, milliseconds, response_bytes, error FROM kinolog.webhook_tries
WHERE delivery_id = ANY(%s::text[]) ORDER BY delivery_id, number
"""
OFF = "SELECT webhook_id, position, at, reason FROM kinolog.webhooks_off WHERE webhook_id = ANY(%s::text[])"


class PostgresWebhookHistory:
    """Reads the tables that the projector writes. Each transaction sees the rows of one tenant."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def deliveries(
        self,
        tenant: str,
        webhook_id: str,
        limit: int,
        after: DeliveryCursor | None = None,
        status: DeliveryStatus | None = None,
    ) -> Sequence[StoredDelivery]:
        values = {
            "webhook_id": webhook_id,
            "limit": limit,
            "status": status,
            "created_at": after and after.created_at,
            "delivery_id": after and after.delivery_id,
        }
        async with self._rows_of(tenant) as cursor:
            await cursor.execute(LIST, values)
            rows = await cursor.fetchall()
            await cursor.execute(TRIES, [[row["delivery_id"] for row in rows]])
            tries: dict[str, list[DeliveryTry]] = {}
            for row in await cursor.fetchall():
                tries.setdefault(row.pop("delivery_id"), []).append(DeliveryTry(**row))
        return [_delivery(row, tries.get(row["delivery_id"], [])) for row in rows]

    async def delivery(self, tenant: str, delivery_id: str) -> StoredDelivery | None:
        async with self._rows_of(tenant) as cursor:
            await cursor.execute(ONE, [delivery_id])
            row = await cursor.fetchone()
        return None if row is None else _delivery(row, [])

    async def switched_off(self, tenant: str, webhook_ids: Sequence[str]) -> Mapping[str, SwitchedOff]:
        async with self._rows_of(tenant) as cursor:
            await cursor.execute(OFF, [list(webhook_ids)])
            return {row.pop("webhook_id"): SwitchedOff(**row) for row in await cursor.fetchall()}

    @asynccontextmanager
    async def _rows_of(self, tenant: str) -> AsyncIterator[AsyncCursor[DictRow]]:
        async with (
            reader_connection(self._pool) as connection,
            connection.transaction(),
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            await cursor.execute(SET_TENANT, [tenant])
            yield cursor


def _delivery(row: dict[str, Any], tries: Sequence[DeliveryTry]) -> StoredDelivery:
    return StoredDelivery(**row | {"status": DeliveryStatus(row["status"]), "tries": tries})
