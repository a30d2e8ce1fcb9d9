"""Which signed heads were sent to which place, and what it gave for them. None is ever changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from kinolog.readmodel.database import Connection

ADD = sql.SQL(
    "INSERT INTO kinolog.tree_receipts (target, number, sent_at, receipt) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (target, number) DO NOTHING"
)
LAST = sql.SQL(
    "SELECT number, sent_at FROM kinolog.tree_receipts WHERE target = %s ORDER BY number DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentHead:
    """The last head that a place has."""

    number: int
    at: datetime


async def last_sent(connection: Connection, target: str) -> SentHead | None:
    """Return the last head that was sent to a place; None if none was."""
    cursor = await connection.execute(LAST, [target])
    row = await cursor.fetchone()
    return None if row is None else SentHead(number=int(row[0]), at=row[1])


async def add_receipt(connection: Connection, target: str, sent: SentHead, receipt: bytes) -> None:
    """Note that a head was sent."""
    await connection.execute(ADD, [target, sent.number, sent.at, receipt])
