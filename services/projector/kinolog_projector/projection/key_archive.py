"""Writes the archive of keys: the wrapped key of every job that is not erased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from kinolog.readmodel.database import Connection
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA, key_archive
from kinolog_projector.bulk.upserts import upsert
from kinolog_projector.schema.position_partitions import PositionPartitions

DELETE = sql.SQL("DELETE FROM kinolog.key_archive WHERE key_id = ANY(%s::text[])")
STORE = upsert(key_archive, PERMANENT_SCHEMA)


@dataclass(frozen=True, slots=True)
class ArchivedKey:
    """A wrapped key, and the position of the first commit of its job."""

    key_id: str
    wrapped: bytes
    position: int


class KeyArchive:
    """Adds and deletes keys in the caller's transaction. After an error in it make another one."""

    def __init__(self) -> None:
        self._partitions = PositionPartitions(PERMANENT_SCHEMA, key_archive.name)

    async def store(self, connection: Connection, keys: Sequence[ArchivedKey]) -> None:
        """Add keys, or replace those that another master key wraps."""
        if not keys:
            return
        await self._partitions.create_missing(connection, [key.position for key in keys])
        rows = [{"key_id": key.key_id, "wrapped": key.wrapped, "position": key.position} for key in keys]
        await STORE.send(connection, rows)

    async def delete(self, connection: Connection, key_ids: Sequence[str]) -> None:
        """Delete keys. Unknown ones are no error."""
        if key_ids:
            await connection.execute(DELETE, [list(key_ids)])
