"""Creating, checking and swapping the schema that holds a projection.

The kept schema (`kinolog`) is changed by migrations. A projection never is: it is made whole from the tables that
this version knows, filled from the log, and takes the place of the one before.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from psycopg import AsyncConnection, sql
from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.schema import CreateIndex, CreateTable, MetaData

from kinolog.readmodel.tables import PROJECTION_SCHEMA, PROJECTION_VERSION, projection

Connection = AsyncConnection[Any]

_DIALECT = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this one untyped

TUNED = {
    # Rows are replaced all the time: leave room on the page, and clean up before bloat shows in lists.
    "jobs": "fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05",
    "counters": "fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02",
    "rollups": "fillfactor = 70",
    "timings": "fillfactor = 70",
    "checkpoint": "fillfactor = 10",
}
STATISTICS = sql.SQL(
    "CREATE STATISTICS {} (dependencies, mcv) ON status, urgency, model, style, tenant FROM {}"
)


async def create_projection(connection: Connection, schema: str, *, with_indexes: bool = True) -> None:
    """Create a schema with empty tables, in the caller's transaction."""
    await connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    for table in _in_schema(schema).sorted_tables:
        await _run(connection, CreateTable(table))
        if table.name in TUNED:
            tuned = sql.SQL("ALTER TABLE {} SET ({})").format(
                sql.Identifier(schema, table.name), sql.SQL(TUNED[table.name])
            )
            await connection.execute(tuned)
    await connection.execute(
        sql.SQL("INSERT INTO {} VALUES (%s, 0)").format(sql.Identifier(schema, "checkpoint")),
        [PROJECTION_VERSION],
    )
    await connection.execute(
        STATISTICS.format(sql.Identifier(schema, "jobs_kinds"), sql.Identifier(schema, "jobs"))
    )
    if with_indexes:
        await create_indexes(connection, schema)


async def create_indexes(connection: Connection, schema: str, tables: Collection[str] | None = None) -> None:
    """Create the indexes that lists need, of some tables or all; a bulk load goes faster before them."""
    for table in _in_schema(schema).sorted_tables:
        if tables is not None and table.name not in tables:
            continue
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            await _run(connection, CreateIndex(index))


async def drop_projection(connection: Connection, schema: str) -> None:
    """Drop a schema and all in it; none is no error."""
    await connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


async def swap_projection(connection: Connection, fresh: str, retired: str | None) -> None:
    """Put `fresh` in the place of the live projection, in the caller's transaction.

    The live one becomes `retired`; None when there is no live one. Names are looked up when a statement begins, so
    a statement reads the one or the other, whole.
    """
    rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    live = sql.Identifier(PROJECTION_SCHEMA)
    if retired is not None:
        await connection.execute(rename.format(live, sql.Identifier(retired)))
    await connection.execute(rename.format(sql.Identifier(fresh), live))


async def analyze(connection: Connection, schema: str) -> None:
    """Have the planner look at freshly loaded tables, and make index-only scans possible."""
    for name in table_names():
        await connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(schema, name)))


async def projection_version(connection: Connection) -> int | None:
    """Version of the live projection; None when there is none."""
    cursor = await connection.execute("SELECT to_regclass('projection.checkpoint')")
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        return None
    cursor = await connection.execute("SELECT projection_version FROM projection.checkpoint")
    row = await cursor.fetchone()
    return int(row[0]) if row else None


def _in_schema(schema: str) -> MetaData:
    """The projection's tables, in another schema."""
    copy = MetaData(schema=schema)
    for table in projection.sorted_tables:
        table.to_metadata(copy, schema=schema)
    return copy


async def _run(connection: Connection, element: CreateTable | CreateIndex) -> None:
    await connection.execute(str(element.compile(dialect=_DIALECT)).encode())


def table_names() -> list[str]:
    """Names of the projection's tables."""
    return [table.name for table in projection.sorted_tables]
