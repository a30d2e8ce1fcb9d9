"""The Postgres adapter of the history of webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg_pool import AsyncConnectionPool
from sqlalchemy import BigInteger, Text, any_, bindparam, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from kinolog.readmodel.database import reader_connection
from kinolog.readmodel.permanent_tables import webhook_deliveries, webhook_tries, webhooks_off
from kinolog.readmodel.projection_metadata import Time
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.webhooks.delivery_history import (
    DeliveryCursor,
    DeliveryStatus,
    DeliveryTry,
    StoredDelivery,
    SwitchedOff,
)

_DELIVERY = bindparam("delivery_id", type_=Text())
_CREATED_AT = bindparam("created_at", type_=Time)
_STATUS = bindparam("status", type_=Text())
_IDS = bindparam("ids", type_=ARRAY(Text()))

_stored = webhook_deliveries.c
_deliveries = select(
    _stored.delivery_id,
    _stored.webhook_id,
    _stored.message_id,
    _stored.event,
    _stored.job_id,
    _stored.status,
    _stored.created_at,
    _stored.next_at,
    _stored.redelivery,
)
_LIST = PreparedQuery(
    _deliveries.where(
        _stored.webhook_id == bindparam("webhook_id", type_=Text()),
        or_(_STATUS.is_(None), _stored.status == _STATUS),
        or_(
            _CREATED_AT.is_(None),
            tuple_(_stored.created_at, _stored.delivery_id) < tuple_(_CREATED_AT, _DELIVERY),
        ),
    )
    .order_by(_stored.created_at.desc(), _stored.delivery_id.desc())
    .limit(bindparam("limit", type_=BigInteger()))
)
_ONE = PreparedQuery(_deliveries.where(_stored.delivery_id == _DELIVERY))

_tried = webhook_tries.c
_TRIES = PreparedQuery(
    select(
        _tried.delivery_id,
        _tried.number,
        _tried.at,
        _tried.status_code,
        _tried.milliseconds,
        _tried.response_bytes,
        _tried.error,
    )
    .where(_tried.delivery_id == any_(_IDS))
    .order_by(_tried.delivery_id, _tried.number)
)

_off = webhooks_off.c
_OFF = PreparedQuery(
    select(_off.webhook_id, _off.position, _off.at, _off.reason).where(_off.webhook_id == any_(_IDS))
)


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
        async with self._rows_of(tenant) as snapshot:
            found = await _LIST.records(snapshot, values)
            tried = await _TRIES.records(snapshot, {"ids": [row["delivery_id"] for row in found]})
        tries: dict[str, list[DeliveryTry]] = {}
        for row in tried:
            tries.setdefault(row.pop("delivery_id"), []).append(DeliveryTry(**row))
        return [_delivery(row, tries.get(row["delivery_id"], [])) for row in found]

    async def delivery(self, tenant: str, delivery_id: str) -> StoredDelivery | None:
        async with self._rows_of(tenant) as snapshot:
            found = await _ONE.records(snapshot, {"delivery_id": delivery_id})
        return _delivery(found[0], []) if found else None

    async def switched_off(self, tenant: str, webhook_ids: Sequence[str]) -> Mapping[str, SwitchedOff]:
        async with self._rows_of(tenant) as snapshot:
            found = await _OFF.records(snapshot, {"ids": list(webhook_ids)})
        return {row.pop("webhook_id"): SwitchedOff(**row) for row in found}

    @asynccontextmanager
    async def _rows_of(self, tenant: str) -> AsyncIterator[Snapshot]:
        async with reader_connection(self._pool) as connection:
            snapshot = Snapshot(connection, tenant)
            yield snapshot
            await snapshot.end()  # a swap of the projection does not concern these tables


def _delivery(row: dict[str, Any], tries: Sequence[DeliveryTry]) -> StoredDelivery:
    return StoredDelivery(**row | {"status": DeliveryStatus(row["status"]), "tries": tries})
