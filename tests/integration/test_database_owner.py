"""A projector whose login owns its database and is no superuser, as in a Postgres that others run."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
import pytest
from kinolog_projector.erasure.scrub import Scrub
from kinolog_projector.rebuild.rebuild import Rebuild
from kinolog_projector.schema.revision import WrongSchema
from kinolog_projector.schema.row_security import make_api_login
from psycopg import sql

from kinolog.ports.read_model import JobQuery
from kinolog.readmodel.database import Connection, writer_connection
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog.readmodel.roles import API_LOGIN, PROJECTOR_LOGIN
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.builders.memory_jobs import MemoryJobs
from tests.integration.readmodel_database import migrate, projected

WORD = "quillfeathernewt"


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
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS kinolog_api")  # all databases of a server share roles
        connection.execute(  # as Postgres does for who makes a role
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


async def test_a_database_of_a_superuser_becomes_the_projector_s(
    own_postgres_server: PostgresServer, memory_jobs: MemoryJobs
) -> None:
    """As a data folder of an earlier version does: the projector then goes on, rebuilds and erases as a plain login."""
    server = own_postgres_server
    async with projected(server.url()) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    for _ in range(2):  # once more at each start
        server.make_logins()
    url = server.url(user=PROJECTOR_LOGIN)
    async with await writer_connection(url, "test") as connection:
        assert await _rows(
            connection, "SELECT usesuper OR usecreatedb FROM pg_user WHERE usename = user"
        ) == [(False,)]
        owners = (
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('kinolog', 'projection')"
            " UNION SELECT viewowner FROM pg_views WHERE schemaname IN ('kinolog', 'projection')"
            " UNION SELECT nspowner::regrole::name FROM pg_namespace WHERE nspname IN ('kinolog', 'projection')"
        )
        assert await _rows(connection, owners) == [(PROJECTOR_LOGIN,)]
        await migrate(url)
        await Rebuild(url, memory_jobs.store, memory_jobs.keys, 100).run()
        job_id = await memory_jobs.submit(f"a {WORD} in the moss")
        await memory_jobs.complete(job_id)
        await memory_jobs.erase(job_id)
        async with projected(url) as database:
            await database.catch_up(memory_jobs.store, memory_jobs.keys)
    assert await Scrub(url).scrub()
    files = [path for path in server.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if WORD.encode() in path.read_bytes()]
    model = await PostgresReadModel.connect(server.url(user=API_LOGIN), 1)
    assert (await model.list_jobs("default", JobQuery())).rows
    await model.close()


async def _rows(connection: Connection, statement: str) -> list[tuple[object, ...]]:
    return await (await connection.execute(statement.encode())).fetchall()


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
