"""Creates, checks and swaps the schema that holds a projection. See decision 30.

Migrations change the permanent schema (`kinolog`). They never change a projection: a rebuild creates all its tables as
this version declares them, fills them from the log, and replaces the previous projection.
"""

from __future__ import annotations

from collections.abc import Collection

import psycopg
from psycopg import sql
from sqlalchemy.schema import CreateIndex, CreateTable, MetaData

from kinolog.readmodel.database import Connection, first_line
from kinolog.readmodel.queries.statements import DIALECT
from kinolog.readmodel.tables import PROJECTION_SCHEMA, PROJECTION_VERSION, VIEWS, projection
from kinolog_projector.schema.row_security import secure_projection

STORAGE_PARAMETERS = {
    # Rows are replaced all the time: leave free space on pages, and vacuum before bloat slows lists down.
    "jobs": "fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05",
    "counters": "fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02",
    "rollups": "fillfactor = 70",
    "depths": "fillfactor = 70",
    "timings": "fillfactor = 70",
    "checkpoint": "fillfactor = 10",
}
POSITIONS = (
    "SELECT (SELECT position FROM projection.checkpoint), (SELECT position FROM kinolog.log_checkpoint)"
)
"""Both in one statement, so of one state: a projector may write meanwhile."""
STATISTICS = sql.SQL(
    "CREATE STATISTICS {} (dependencies, mcv) ON status, urgency, model, style, tenant FROM {}"
)


async def create_projection(connection: Connection, schema: str, *, with_indexes: bool = True) -> None:
    """Create a schema with empty tables, in the caller's transaction."""
    await connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    for table in _in_schema(schema).sorted_tables:
        await _run(connection, CreateTable(table))
        if table.name in STORAGE_PARAMETERS:
            parameters = sql.SQL("ALTER TABLE {} SET ({})").format(
                sql.Identifier(schema, table.name), sql.SQL(STORAGE_PARAMETERS[table.name])
            )
            await connection.execute(parameters)
    await connection.execute(
        sql.SQL("INSERT INTO {} VALUES (%s, 0)").format(sql.Identifier(schema, "checkpoint")),
        [PROJECTION_VERSION],
    )
    await connection.execute(
        STATISTICS.format(sql.Identifier(schema, "jobs_kinds"), sql.Identifier(schema, "jobs"))
    )
    await secure_projection(connection, schema)
    if with_indexes:
        await create_indexes(connection, schema)


async def create_indexes(connection: Connection, schema: str, tables: Collection[str] | None = None) -> None:
    """Create the indexes of some tables, or of all. A bulk load is faster without them."""
    for table in _in_schema(schema).sorted_tables:
        if tables is not None and table.name not in tables:
            continue
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            await _run(connection, CreateIndex(index))


async def drop_projection(connection: Connection, schema: str) -> None:
    """Drop a schema and its tables, if it exists."""
    await connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


async def swap_projection(connection: Connection, fresh: str, retired: str | None) -> None:
    """Replace the live projection by `fresh`, in the caller's transaction.

    The live one becomes `retired`, which is None if there is no live one. Postgres resolves names when a statement
    begins, so each statement reads one projection or the other.
    """
    rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    live = sql.Identifier(PROJECTION_SCHEMA)
    if retired is not None:
        await connection.execute(rename.format(live, sql.Identifier(retired)))
    await connection.execute(rename.format(sql.Identifier(fresh), live))


async def analyze(connection: Connection, schema: str) -> None:
    """Collect statistics on freshly loaded tables for the planner, and enable index-only scans."""
    for name in table_names():
        await connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(schema, name)))


async def projection_version(connection: Connection) -> int | None:
    """Return the version of the live projection; None if there is none."""
    cursor = await connection.execute("SELECT to_regclass('projection.checkpoint')")
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        return None
    cursor = await connection.execute("SELECT projection_version FROM projection.checkpoint")
    row = await cursor.fetchone()
    return int(row[0]) if row else None


async def projection_exists(connection: Connection) -> bool:
    """Return whether there is a live projection, complete or not."""
    cursor = await connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", [PROJECTION_SCHEMA])
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def missing_tables(connection: Connection) -> list[str]:
    """Return the tables and views that the live projection lacks."""
    cursor = await connection.execute(
        "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass('projection.' || quote_ident(name)) IS NULL",
        [[*table_names(), *(view.name for view in VIEWS)]],
    )
    return [str(name) for (name,) in await cursor.fetchall()]


async def version_problem(connection: Connection) -> str:
    """Return that the live projection is of another version; empty if it is not, or if that cannot be read."""
    try:
        async with connection.transaction():
            version = await projection_version(connection)
    except (psycopg.InternalError, psycopg.ProgrammingError):  # damaged, or without the column
        return ""
    if version is None or version == PROJECTION_VERSION:
        return ""
    return f"the read models have version {version}, this program needs version {PROJECTION_VERSION}"


async def projection_problem(connection: Connection) -> str:
    """Return why the live projection must be rebuilt; empty if it need not. The permanent schema must exist."""
    if not await projection_exists(connection):
        return "the database has no read models"
    if problem := await version_problem(connection):
        return problem
    if missing := await missing_tables(connection):
        return f"the read models lack {', '.join(missing)}"
    try:
        async with connection.transaction():
            cursor = await connection.execute(POSITIONS)
            projected, archived = await cursor.fetchone() or (0, 0)
    except psycopg.InternalError as error:
        await connection.execute(
            "SELECT position FROM kinolog.log_checkpoint"
        )  # raises if the damage is there
        return f"the read models are damaged: {first_line(error)}"
    except psycopg.ProgrammingError as error:
        return f"the read models cannot be read: {type(error).__name__}"
    if projected is None:
        return "the read models have lost their position"
    if projected != archived:
        return f"the read models are at position {projected}, the archive at {archived}"
    return ""


def _in_schema(schema: str) -> MetaData:
    """Return the projection's tables in another schema."""
    copy = MetaData(schema=schema)
    for table in projection.sorted_tables:
        table.to_metadata(copy, schema=schema)
    return copy


async def _run(connection: Connection, element: CreateTable | CreateIndex) -> None:
    await connection.execute(str(element.compile(dialect=DIALECT)).encode())


def table_names() -> list[str]:
    """Return the names of the projection's tables."""
    return [table.name for table in projection.sorted_tables]
