"""The signed heads of the tree in the database. None is ever changed or made again."""

from __future__ import annotations

from psycopg import sql

from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import NoteKey
from kinolog.merkle.tree_head import TreeHead
from kinolog.readmodel.database import Connection

ADD = sql.SQL(
    "INSERT INTO kinolog.tree_heads (number, size, root, signed_at, public_key, note) VALUES (%s, %s, %s, %s, %s, %s)"
)
LAST = sql.SQL("SELECT number, public_key, note FROM kinolog.tree_heads ORDER BY number DESC LIMIT 1")
AFTER = sql.SQL(
    "SELECT number, public_key, note FROM kinolog.tree_heads WHERE number > %s ORDER BY number LIMIT %s"
)


async def last_head(connection: Connection) -> SignedHead | None:
    """Return the last head; None if none was signed."""
    cursor = await connection.execute(LAST)
    row = await cursor.fetchone()
    return None if row is None else _signed(*row)


async def heads_after(connection: Connection, number: int, limit: int) -> list[SignedHead]:
    """Return the next heads after that with a number, in order."""
    cursor = await connection.execute(AFTER, [number, limit])
    return [_signed(*row) for row in await cursor.fetchall()]


async def add_head(connection: Connection, signed: SignedHead, head: TreeHead) -> None:
    """Store a head."""
    values = [signed.number, head.size, head.root, head.at, signed.key.public, signed.note]
    await connection.execute(ADD, values)


def _signed(number: int, public_key: bytes, note: str) -> SignedHead:
    return SignedHead(number=int(number), key=NoteKey(bytes(public_key)), note=str(note))
