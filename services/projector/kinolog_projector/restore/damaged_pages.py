"""Tables and indexes with damaged pages: which they are, and what is left of those that nothing else can make again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from kinolog.ports.event_store import DamagedLog
from kinolog.process.main import needs_extra
from kinolog.readmodel.database import Connection
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA
from kinolog.readmodel.tables import PROJECTION_SCHEMA

NEW_DATABASE = "kinolog restore --new-database builds it from the log"
ARCHIVE = f"{PERMANENT_SCHEMA}.archive"
SCHEMA_VERSION = f"{PERMANENT_SCHEMA}.schema_version"
LOG_CHECKPOINT = f"{PERMANENT_SCHEMA}.log_checkpoint"
RELATION_OF_FILE = """
SELECT namespace.nspname || '.' || tables.relname, indexes.indexrelid IS NOT NULL AND toasted.oid IS NULL,
    namespace.nspname || '.' || files.relname
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


BARE_CHECKPOINT = """
INSERT INTO kinolog.log_checkpoint SELECT true, coalesce(max(position), 0), '' FROM kinolog.archive
ON CONFLICT DO NOTHING
"""
"""Where the last row of the archive is damaged too: its repair follows."""


async def tables_of(connection: Connection, files: Sequence[str]) -> list[str]:
    """Return the tables, with their schema, to which files of Postgres belong. A file of no table is named itself."""
    return sorted({relation.table for relation in await _relations(connection, files)})


@dataclass(frozen=True, slots=True, kw_only=True)
class MendedRelations:
    """What was done, one fact a line, and the numbers of the damaged files that are left."""

    done: list[str]
    damaged_files: list[str]


async def mend(connection: Connection, files: Sequence[str]) -> MendedRelations:
    """Make damaged indexes again, and the tables of one row without which nothing else can be read.

    Rows of other tables stay as they are. Raises `DamagedLog`, `psycopg.InternalError`.
    """
    done: list[str] = []
    relations = await _relations(connection, files)
    damaged = {relation.table for relation in relations if not relation.is_index}
    if SCHEMA_VERSION in damaged:
        await _write_schema_version(connection)
        done.append(f"write {SCHEMA_VERSION} again")
    left: list[str] = []
    for relation in relations:
        if relation.is_index and relation.is_permanent and relation.table not in damaged:
            await connection.execute(sql.SQL("REINDEX INDEX {}").format(_identifier(relation.name)))
            done.append(f"make the index {relation.name} again")
        elif relation.table not in (SCHEMA_VERSION, LOG_CHECKPOINT):
            left.append(relation.file)
    if LOG_CHECKPOINT in damaged:
        await salvage(connection, [LOG_CHECKPOINT])
        done.append(f"write {LOG_CHECKPOINT} again")
    return MendedRelations(done=done, damaged_files=left)


@dataclass(frozen=True, slots=True)
class _Relation:
    """A damaged file: the table that it belongs to, and whether it is an index, of this name."""

    file: str
    table: str
    is_index: bool
    name: str

    @property
    def is_permanent(self) -> bool:
        """Whether no rebuild makes the table again."""
        return self.table.startswith(f"{PERMANENT_SCHEMA}.")


async def _relations(connection: Connection, files: Sequence[str]) -> list[_Relation]:
    found = []
    for number in files:
        cursor = await connection.execute(RELATION_OF_FILE, [int(number)])
        row = await cursor.fetchone()
        table, is_index, name = row if row is not None else (f"file {number}", False, "")
        found.append(_Relation(number, str(table), bool(is_index), str(name)))
    return found


async def _write_schema_version(connection: Connection) -> None:
    """Write the revision again, if the damage is beside it on the page."""
    with needs_extra("projector"):
        from kinolog_projector.schema.migrate import is_revision
    await connection.execute("SET ignore_checksum_failure = on")
    try:
        cursor = await connection.execute("SELECT version_num FROM kinolog.schema_version")
        found = [str(revision) for (revision,) in await cursor.fetchall()]
    except psycopg.InternalError:
        found = []
    finally:
        await connection.execute("RESET ignore_checksum_failure")
    if len(found) != 1 or not is_revision(found[0]):
        raise DamagedLog(f"nothing tells of which version the database is: {NEW_DATABASE}")
    async with connection.transaction():
        await connection.execute("TRUNCATE kinolog.schema_version")
        await connection.execute("INSERT INTO kinolog.schema_version VALUES (%s)", found)


def _identifier(name: str) -> sql.Identifier:
    schema, _, relation = name.partition(".")
    return sql.Identifier(schema, relation)


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
        await connection.execute(sql.SQL("VACUUM FULL {}").format(_identifier(table)))
    await connection.execute("RESET zero_damaged_pages")
    try:
        await connection.execute(CHECKPOINT)
    except psycopg.InternalError:
        await connection.execute(BARE_CHECKPOINT)
