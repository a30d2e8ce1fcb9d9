"""Tables with damaged pages: which they are, and what is left of those that nothing else can make again."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from kinolog.readmodel.database import Connection
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA
from kinolog.readmodel.tables import PROJECTION_SCHEMA

ARCHIVE = f"{PERMANENT_SCHEMA}.archive"
TABLE_OF_FILE = """
SELECT namespace.nspname || '.' || tables.relname
FROM pg_class AS files
LEFT JOIN pg_index AS indexes ON indexes.indexrelid = files.oid
LEFT JOIN pg_class AS toasted ON toasted.reltoastrelid = coalesce(indexes.indrelid, files.oid)
JOIN pg_class AS tables ON tables.oid = coalesce(toasted.oid, indexes.indrelid, files.oid)
JOIN pg_namespace AS namespace ON namespace.oid = tables.relnamespace
WHERE files.oid = pg_filenode_relation(0, %s)
"""
CHECKPOINT = """
INSERT INTO kinolog.log_checkpoint
SELECT true, coalesce(max(position), 0),
    coalesce((SELECT digest FROM kinolog.archive ORDER BY position DESC LIMIT 1), '')
FROM kinolog.archive ON CONFLICT DO NOTHING
"""


async def tables_of(connection: Connection, files: Sequence[str]) -> list[str]:
    """Return the tables, with their schema, to which files of Postgres belong. A file of no table is named itself."""
    tables = set()
    for number in files:
        cursor = await connection.execute(TABLE_OF_FILE, [int(number)])
        row = await cursor.fetchone()
        tables.add(str(row[0]) if row is not None else f"file {number}")
    return sorted(tables)


def is_projected(table: str) -> bool:
    """Return whether a rebuild makes the table again."""
    return table.startswith(f"{PROJECTION_SCHEMA}.")


def is_salvageable(table: str) -> bool:
    """Return whether the table is a permanent one whose other pages are of use."""
    return table.startswith(f"{PERMANENT_SCHEMA}.") and table != ARCHIVE


async def salvage(connection: Connection, tables: Sequence[str]) -> None:
    """Write permanent tables again without their damaged pages, whose rows are lost."""
    await connection.execute("SET zero_damaged_pages = on")
    for table in tables:
        schema, _, name = table.partition(".")
        await connection.execute(sql.SQL("VACUUM FULL {}").format(sql.Identifier(schema, name)))
    await connection.execute("RESET zero_damaged_pages")
    await connection.execute(CHECKPOINT)
