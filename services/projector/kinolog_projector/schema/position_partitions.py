"""Partitions of tables with a row per job, by the position of its first commit. Writers create them as needed.

They are small, so that one that holds what was erased can be rewritten quickly. See docs/decisions/0037.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql

from kinolog.readmodel.database import Connection
from kinolog.readmodel.tables import PARTITION_POSITIONS


class PositionPartitions:
    """Creates missing partitions of one table. After an error in its transaction make another one.

    `without_statistics` names columns whose values the planner must not collect: they would outlive an erasure.
    """

    def __init__(self, schema: str, table: str, *, without_statistics: Sequence[str] = ()) -> None:
        self._schema = schema
        self._table = table
        self._without_statistics = without_statistics
        self._known: set[int] = set()

    async def create_missing(self, connection: Connection, positions: Iterable[int]) -> None:
        """Create the partitions that rows at these positions need. Readers are not blocked."""
        for index in sorted({position // PARTITION_POSITIONS for position in positions} - self._known):
            name = f"{self._schema}.{partition_name(self._table, index)}"
            cursor = await connection.execute("SELECT to_regclass(%s)", [name])
            row = await cursor.fetchone()
            if row is None or row[0] is None:
                await self._create(connection, index)
            self._known.add(index)

    async def _create(self, connection: Connection, index: int) -> None:
        """Create a table and attach it, which unlike PARTITION OF does not lock the others."""
        names = {
            "parent": sql.Identifier(self._schema, self._table),
            "partition": sql.Identifier(self._schema, partition_name(self._table, index)),
        }
        await connection.execute(
            sql.SQL("CREATE TABLE {partition} (LIKE {parent} INCLUDING ALL)").format(**names)
        )
        for column in self._without_statistics:
            no_statistics = sql.SQL("ALTER TABLE {partition} ALTER COLUMN {column} SET STATISTICS 0")
            await connection.execute(no_statistics.format(**names, column=sql.Identifier(column)))
        attach = sql.SQL(
            "ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES FROM ({first}) TO ({end})"
        )
        bounds = {
            "first": sql.Literal(index * PARTITION_POSITIONS),
            "end": sql.Literal((index + 1) * PARTITION_POSITIONS),
        }
        await connection.execute(attach.format(**names, **bounds))


def partition_name(table: str, index: int) -> str:
    """Return the name of the partition of the positions from `index` times `PARTITION_POSITIONS` on."""
    return f"{table}_{index}"
