"""Migrates the database to this version, and checks that it has this version."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from kinolog.readmodel.database import Connection, sqlalchemy_url
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA
from kinolog.readmodel.tables import PROJECTION_SCHEMA
from kinolog_projector.schema.projection_schema import (
    create_projection,
    projection_exists,
    projection_problem,
    version_problem,
)

LOCK = 0x6B696E6F
"""Advisory lock that keeps two migrations from running at the same time."""


class WrongSchema(Exception):
    """The database has another version; the message names the command to run."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def migrate_permanent_schema(database_url: str) -> str:
    """Run the missing migrations, one process at a time, and return the revision. Blocks."""
    engine = sqlalchemy.create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(sqlalchemy.text(f"CREATE SCHEMA IF NOT EXISTS {PERMANENT_SCHEMA}"))
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return _revision(connection) or ""


def _revision(connection: sqlalchemy.Connection) -> str | None:
    options = {"version_table_schema": PERMANENT_SCHEMA, "version_table": "schema_version"}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def head() -> str:
    """Return the revision that this version of the program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def is_revision(name: str) -> bool:
    """Return whether a migration of this version of the program has this name."""
    return any(script.revision == name for script in ScriptDirectory.from_config(_config()).walk_revisions())


async def ensure_projection(connection: Connection) -> str:
    """Create the projection of an empty archive. Return why the projection must be rebuilt; empty if it need not."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor = await connection.execute("SELECT position FROM kinolog.log_checkpoint")
        row = await cursor.fetchone()
        if row is not None and row[0] == 0 and not await projection_exists(connection):
            await create_projection(connection, PROJECTION_SCHEMA)
        return await projection_problem(connection)


async def check_permanent_schema(connection: Connection) -> None:
    """Raise `WrongSchema` unless exactly the migrations of this version have run."""
    found = None
    cursor = await connection.execute("SELECT to_regclass('kinolog.schema_version') IS NOT NULL")
    row = await cursor.fetchone()
    if row is not None and row[0]:
        cursor = await connection.execute("SELECT version_num FROM kinolog.schema_version")
        row = await cursor.fetchone()
        found = row[0] if row is not None else None
    if found != head():
        raise WrongSchema(
            f"the database is at revision {found or 'none'}, this program needs {head()}; "
            "start kinolog up once, or run: kinolog-projector migrate"
        )


async def check_versions(connection: Connection) -> None:
    """Raise `WrongSchema` for a database that another version of the program needs.

    Read models that are missing, incomplete or damaged pass: this version may make them again.
    """
    await check_permanent_schema(connection)
    if problem := await version_problem(connection):
        raise WrongSchema(f"{problem}; run: kinolog-projector rebuild")


async def check_schema(connection: Connection) -> None:
    """Raise `WrongSchema` unless this version can write to the database."""
    await check_versions(connection)
    if not await projection_exists(connection):
        raise WrongSchema("the database has no read models yet; run: kinolog-projector update")
    if problem := await projection_problem(connection):
        raise WrongSchema(f"{problem}; run: kinolog-projector rebuild")
