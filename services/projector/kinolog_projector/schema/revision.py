"""The revision of the database that this version of the program needs, and whether a database has it.

It loads no library for migrations: every process of the projector checks the revision, and few of them migrate.
"""

from __future__ import annotations

import asyncio

from kinolog.process.main import needs_extra
from kinolog.readmodel.database import Connection
from kinolog.readmodel.tables import PROJECTION_SCHEMA
from kinolog_projector.schema.projection_schema import (
    create_projection,
    projection_exists,
    projection_problem,
    version_problem,
)

REVISION = "0014"
"""The last migration."""
LOCK = 0x6B696E6F
"""Advisory lock that keeps two migrations from running at the same time."""


class WrongSchema(Exception):
    """The database has another version; the message names the command to run."""


async def database_revision(connection: Connection) -> str | None:
    """Return the last migration that has run on the database; None if none has."""
    cursor = await connection.execute("SELECT to_regclass('kinolog.schema_version') IS NOT NULL")
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return None
    cursor = await connection.execute("SELECT version_num FROM kinolog.schema_version")
    row = await cursor.fetchone()
    return str(row[0]) if row is not None else None


async def ensure_permanent_schema(database_url: str, connection: Connection) -> None:
    """Run the missing migrations. If none is missing, their library is not loaded."""
    if await database_revision(connection) != REVISION:
        with needs_extra("projector"):
            from kinolog_projector.schema.migrate import migrate_permanent_schema

        await asyncio.to_thread(migrate_permanent_schema, database_url)


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
    found = await database_revision(connection)
    if found != REVISION:
        raise WrongSchema(
            f"the database is at revision {found or 'none'}, this program needs {REVISION}; "
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
