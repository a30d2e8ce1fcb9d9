"""Hashes of the projection's tables: equal if the rows are, in any order.

The live columns, and the counters of the order by progress, are left out: they do not follow from the log.
"""

from __future__ import annotations

from psycopg import sql
from sqlalchemy import Table

from kinolog.readmodel.database import Connection
from kinolog.readmodel.tables import LIVE_COLUMNS, PROJECTION_SCHEMA, projection

HASH = """
SELECT count(*),
    coalesce(sum(('x' || substr(digest, 1, 16))::bit(64)::bigint::numeric), 0),
    coalesce(sum(('x' || substr(digest, 17, 16))::bit(64)::bigint::numeric), 0)
FROM (SELECT md5(ROW({columns})::text) AS digest FROM {table} {where}) AS rows
"""


async def table_hashes(connection: Connection, schema: str = PROJECTION_SCHEMA) -> dict[str, str]:
    """Return the number of rows of each table and a hash over all of them. Reads one state of the database."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await connection.execute("SET LOCAL enable_seqscan = on")
        return await hashes_of(connection, schema)


async def hashes_of(connection: Connection, schema: str) -> dict[str, str]:
    """Return the same in the caller's transaction."""
    hashes = {}
    await connection.execute("SET LOCAL timezone = 'UTC'")
    for table in projection.sorted_tables:
        query = sql.SQL(HASH).format(
            columns=compared_columns(table),
            table=sql.Identifier(schema, table.name),
            where=compared_rows(table),
        )
        cursor = await connection.execute(query)
        row = await cursor.fetchone()
        if row is not None:
            rows, first, second = row
            hashes[table.name] = f"{rows}:{int(first) % 2**64:016x}{int(second) % 2**64:016x}"
    return hashes


def compared_columns(table: Table) -> sql.Composed:
    """Return the columns that follow from the log."""
    return sql.SQL(", ").join(sql.Identifier(c.name) for c in table.columns if c.name not in LIVE_COLUMNS)


def compared_rows(table: Table) -> sql.SQL:
    """Return the condition for rows that follow from the log."""
    return sql.SQL("WHERE sort <> 'progress'" if table.name == "counters" else "")
