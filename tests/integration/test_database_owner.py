"""A projector whose login owns its database and is no superuser, as in a Postgres that others run."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
import pytest
from kinolog_projector.schema.revision import WrongSchema
from kinolog_projector.schema.row_security import make_api_login
from psycopg import sql

from kinolog.ports.read_model import JobQuery
from kinolog.readmodel.database import writer_connection
from kinolog.readmodel.postgres import PostgresReadModel
from tests.builders.memory_jobs import MemoryJobs
from tests.integration.readmodel_database import migrate, projected


def url_of(database_url: str, name: str, *rights: str) -> str:
    """Make a login that owns the database. Return its URL."""
    parts = urlsplit(database_url)
    login, database = sql.Identifier(name), sql.Identifier(parts.path[1:])
    make = sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'owner' " + " ".join(rights))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(make.format(login))
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, login))
    return f"postgresql://{name}:owner@{parts.hostname}:{parts.port}{parts.path}"


async def test_an_owner_who_may_make_roles(database_url: str, memory_jobs: MemoryJobs) -> None:
    """It migrates, writes, and reads for the api as one tenant at a time."""
    owner = url_of(database_url, "owner_with_roles", "CREATEROLE")
    with psycopg.connect(
        database_url, autocommit=True
    ) as connection:  # as Postgres does for who makes a role
        connection.execute(
            "GRANT kinolog_reader, kinolog_operator TO owner_with_roles WITH ADMIN TRUE, SET FALSE, INHERIT FALSE"
        )
    await migrate(owner)
    async with projected(owner) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    async with await writer_connection(owner, "test") as connection:
        await make_api_login(connection, "first")
        await make_api_login(connection, "second")
    for url in (owner, owner.replace("owner_with_roles:owner", "kinolog_api:second")):
        model = await PostgresReadModel.connect(url, 1)
        assert (await model.list_jobs("default", JobQuery())).rows
        assert not (await model.list_jobs("nobody", JobQuery())).rows
        assert await model.archived_tails(memory_jobs.job_ids)
        await model.close()


async def test_an_owner_who_may_not(database_url: str) -> None:
    """Roles that others made serve it once they are granted; before, the error says what to do."""
    owner = url_of(database_url, "owner_without_roles")
    with pytest.raises(WrongSchema, match="The logins of an outside Postgres"):
        await migrate(owner)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("GRANT kinolog_reader, kinolog_operator TO owner_without_roles WITH ADMIN OPTION")
    await migrate(owner)
    model = await PostgresReadModel.connect(owner, 1)
    assert not (await model.list_jobs("default", JobQuery())).rows
    await model.close()
