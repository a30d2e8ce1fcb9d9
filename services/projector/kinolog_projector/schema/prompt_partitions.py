"""Partitions of the table `prompts`, which the writer creates as numbers reach them."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from kinolog.readmodel.database import Connection
from kinolog.readmodel.tables import PROMPT_POSITIONS, Row, prompts

_TEXTS = ("prompt", "negative_prompt")


class PromptPartitions:
    """Creates missing partitions of one schema. After an error in its transaction make another one."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._known: set[int] = set()

    async def create_missing(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Create the partitions that these rows of `prompts` need. Readers are not blocked."""
        for index in sorted({row["number"] // PROMPT_POSITIONS for row in rows} - self._known):
            name = partition_name(index)
            cursor = await connection.execute("SELECT to_regclass(%s)", [f"{self._schema}.{name}"])
            row = await cursor.fetchone()
            if row is None or row[0] is None:
                await self._create(connection, index)
            self._known.add(index)

    async def _create(self, connection: Connection, index: int) -> None:
        """Create a table and attach it, which unlike PARTITION OF does not lock the others."""
        names = {
            "parent": sql.Identifier(self._schema, prompts.name),
            "partition": sql.Identifier(self._schema, partition_name(index)),
        }
        await connection.execute(
            sql.SQL("CREATE TABLE {partition} (LIKE {parent} INCLUDING ALL)").format(**names)
        )
        for column in _TEXTS:
            # Statistics of a column hold some of its values, and they would outlive an erasure.
            no_statistics = sql.SQL("ALTER TABLE {partition} ALTER COLUMN {column} SET STATISTICS 0")
            await connection.execute(no_statistics.format(**names, column=sql.Identifier(column)))
        attach = sql.SQL(
            "ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES FROM ({first}) TO ({end})"
        )
        bounds = {
            "first": sql.Literal(index * PROMPT_POSITIONS),
            "end": sql.Literal((index + 1) * PROMPT_POSITIONS),
        }
        await connection.execute(attach.format(**names, **bounds))


def partition_name(index: int) -> str:
    """Return the name of the partition of the numbers from `index` times `PROMPT_POSITIONS` on."""
    return f"prompts_{index}"
