"""Row-level security of the read models: what the roles of readers see, and what they do not."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from kinolog_projector.rebuild.rebuild import Rebuild
from kinolog_projector.restore.archive_repair import REPLACE
from kinolog_projector.schema.row_security import OPEN, READ_BY_TENANT, make_api_login
from psycopg import AsyncConnection, sql
from sqlalchemy import select

from kinolog.ports.progress import LogLevel
from kinolog.readmodel.database import libpq_url, reader_pool
from kinolog.readmodel.permanent_tables import permanent
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.readmodel.roles import API_LOGIN, OPERATOR, READER, TENANT_SETTING
from kinolog.readmodel.tables import VIEWS, activity, jobs, own_trigrams, projection, prompts
from tests.builders.memory_jobs import MemoryJobs
from tests.integration.readmodel_database import projected

FORGETFUL = [PreparedQuery(select(table.c.tenant).distinct()) for table in READ_BY_TENANT]
"""Queries that do not say whose rows they read."""


@pytest.fixture
async def log() -> MemoryJobs:
    """Completed, running and queued jobs of two tenants."""
    jobs = MemoryJobs()
    for tenant in ("ours", "theirs"):
        await jobs.complete(await jobs.submit(tenant=tenant))
        await jobs.start(await jobs.submit(tenant=tenant))
        await jobs.submit(tenant=tenant)
    return jobs


@pytest.fixture
async def filled(migrated_database_url: str, log: MemoryJobs) -> str:
    """URL of a database with the read models of the log, and a line of each job."""
    async with projected(migrated_database_url) as database:
        await database.catch_up(log.store, log.keys)
        await database.connection.execute(
            "INSERT INTO kinolog.log_lines SELECT number, id, 1, created_at, 0, 'line', NULL FROM projection.jobs"
        )
    return migrated_database_url


async def _as(connection: AsyncConnection[Any], role: str, tenant: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows that a query of a role has, in a transaction of a tenant."""
    async with connection.transaction():
        await connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        await connection.execute("SELECT set_config(%s, %s, true)", [TENANT_SETTING, tenant])
        return await (await connection.execute(query.encode())).fetchall()


async def _count(connection: AsyncConnection[Any], role: str, tenant: str, table: object) -> int | None:
    """Return the number of rows of a table that a role sees; None if it may not read the table."""
    try:
        return int((await _as(connection, role, tenant, f"SELECT count(*) FROM {table}"))[0][0])  # noqa: S608 - a table
    except psycopg.errors.InsufficientPrivilege:
        return None


async def test_a_query_that_forgets_the_tenant_has_its_rows_alone(filled: str) -> None:
    """The api's connections see the rows of the tenant of the transaction, and without one none."""
    model = await PostgresReadModel.connect(filled, 1)
    for tenant in ("ours", "theirs", ""):
        for query in FORGETFUL:

            async def planted(snapshot: Snapshot, query: PreparedQuery = query) -> list[Any]:
                return await query.rows(snapshot)

            seen = await model._read(tenant, planted)
            assert seen == ([(tenant,)] if tenant else []), query.statement
    await model.close()


async def test_no_table_has_rows_for_a_reader_without_a_tenant(filled: str, log: MemoryJobs) -> None:
    """After a rebuild too each table is closed to readers or shows them no row of a tenant; they write nothing."""
    await Rebuild(filled, log.store, log.keys).run()
    async with await AsyncConnection.connect(filled, autocommit=True) as connection:
        tables = {*projection.sorted_tables, *VIEWS, *permanent.sorted_tables} - {*OPEN}
        assert {await _count(connection, READER, "", table) for table in tables} == {None, 0}
        for table in (*READ_BY_TENANT, own_trigrams):
            ours, theirs, all_rows = [
                await _count(connection, role, tenant, table)
                for role, tenant in ((READER, "ours"), (READER, "theirs"), ("postgres", ""))
            ]
            if table is own_trigrams:
                all_rows = await _count(connection, "postgres", "", "projection.prompt_trigrams")
            assert min(ours or 0, theirs or 0) > 0, table
            assert all_rows == (ours or 0) + (theirs or 0), table
        for table in (jobs, prompts, activity):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await _as(connection, READER, "ours", f"DELETE FROM {table}")  # noqa: S608 - a table
        assert await _count(connection, OPERATOR, "", "kinolog.archive")
        assert await _count(connection, OPERATOR, "", jobs) is None


async def test_log_lines_are_those_of_an_own_job(filled: str, log: MemoryJobs) -> None:
    """The lines of a job of another tenant are not there."""
    model = await PostgresReadModel.connect(filled, 1)
    for job_id in log.job_ids:
        owner = (await log.job(job_id)).tenant
        for tenant in ("ours", "theirs"):
            lines = await model.list_log_entries(tenant, job_id, min_level=LogLevel.DEBUG)
            assert [line.job_id for line in lines] == ([job_id] if tenant == owner else [])
    await model.close()


async def test_the_login_of_the_api_has_the_rights_of_its_roles_alone(filled: str) -> None:
    """It logs in with the password last given, reads nothing before it took a role, and takes no other."""
    async with await AsyncConnection.connect(filled, autocommit=True) as owner:
        for password in ("first", "it's \\ last"):
            await make_api_login(owner, password)
    parts = psycopg.conninfo.conninfo_to_dict(libpq_url(filled)) | {
        "user": API_LOGIN,
        "password": "it's \\ last",
    }
    async with await AsyncConnection.connect(**parts, autocommit=True) as connection:  # type: ignore[arg-type]
        for statement in ("SELECT FROM projection.jobs", "SET ROLE postgres", "CREATE TABLE kinolog.own ()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement.encode())
        assert await _count(connection, READER, "ours", jobs) == 3
        assert await _count(connection, READER, "", jobs) == 0
    address = (
        f"postgresql://{API_LOGIN}:it%27s%20%5C%20last@{parts['host']}:{parts['port']}/{parts['dbname']}"
    )
    async with reader_pool(address, 1, "test", READER) as pool, pool.connection() as connection:
        assert await (await connection.execute("SELECT current_user")).fetchone() == (READER,)


async def test_a_repaired_archive_is_closed_to_readers(filled: str) -> None:
    """What replaces a damaged archive leaves the new one to operators."""
    async with await AsyncConnection.connect(filled, autocommit=True) as connection:
        await connection.execute("CREATE TABLE kinolog.archive_repaired (LIKE kinolog.archive)")
        for statement in REPLACE:
            await connection.execute(statement.encode())
        assert await _count(connection, READER, "ours", "kinolog.archive") is None
        assert await _count(connection, OPERATOR, "", "kinolog.archive") == 0
