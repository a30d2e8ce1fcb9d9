"""The roles that read for the api, and what they may read of a projection. See decision 112.

The projector owns the tables, so the policies do not hold it. The names of roles and settings are those of
kinolog.readmodel.roles.
"""

from __future__ import annotations

from psycopg import sql

from kinolog.readmodel import tables
from kinolog.readmodel.database import Connection
from kinolog.readmodel.logins import password_hash
from kinolog.readmodel.roles import API_LOGIN

_MAKE_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
    IF NOT pg_has_role(
        '{role}',
        CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END
    ) THEN
        GRANT {role} TO CURRENT_USER;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- of another database of this server, just now
END $$;
"""
MAKE_ROLES = "".join(_MAKE_ROLE.format(role=role) for role in ("kinolog_reader", "kinolog_operator"))
"""Statements that make the roles where they are missing, and let the caller take them. All databases share roles."""

SECURE_ARCHIVE = """
ALTER TABLE kinolog.archive ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON kinolog.archive FOR SELECT TO kinolog_operator USING (true);
GRANT SELECT ON kinolog.archive TO kinolog_operator;
"""
"""Statements for a new table of the archive."""

_ENTER = sql.SQL("GRANT USAGE ON SCHEMA {schema} TO kinolog_reader, kinolog_operator")
_SECURE = sql.SQL("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
_READ_OWN_ROWS = sql.SQL(
    "CREATE POLICY own_rows ON {table} FOR SELECT TO kinolog_reader"
    " USING (tenant = current_setting('kinolog.tenant', true)); GRANT SELECT ON {table} TO kinolog_reader"
)
"""Without the setting the condition is not true of any row."""
_READ_ALL_ROWS = sql.SQL(
    "CREATE POLICY all_rows ON {table} FOR SELECT TO kinolog_operator USING (true);"
    " GRANT SELECT ON {table} TO kinolog_operator"
)
_READ = sql.SQL("GRANT SELECT ON {table} TO kinolog_reader, kinolog_operator")
_SEARCH_OWN_ROWS = sql.SQL(
    "CREATE VIEW {view} AS SELECT number, grams FROM {table}"
    " WHERE tenant BETWEEN current_setting('kinolog.tenant', true) AND current_setting('kinolog.tenant', true);"
    " GRANT SELECT ON {view} TO kinolog_reader"
)
"""Postgres uses an index for a condition after a policy only if the operator cannot leak. That of trigrams may.

With an equality the planner would carry the policy of `prompts` over to the view.
"""

_SEARCH_OWN_COMMITS = sql.SQL(
    "CREATE VIEW {schema}.own_commits AS SELECT * FROM {schema}.commit_index"
    " WHERE tenant = current_setting('kinolog.tenant', true);"
    "CREATE VIEW {schema}.own_spells AS SELECT * FROM {schema}.job_spells"
    " WHERE tenant = current_setting('kinolog.tenant', true);"
    " GRANT SELECT ON {schema}.own_commits, {schema}.own_spells TO kinolog_reader"
)
"""Their indexes are searched by operators that may leak, as that of trigrams."""

_SHOW_USE = sql.SQL(
    "CREATE VIEW {schema}.queued_jobs AS SELECT tenant, id FROM {schema}.jobs WHERE status = 'queued';"
    "CREATE VIEW {schema}.minute_costs AS SELECT tenant, at, cost FROM {schema}.rollups"
    " WHERE bucket_seconds = 60 AND cost > 0;"
    "CREATE VIEW {schema}.artifact_sizes AS SELECT jobs.tenant, artifacts.size_bytes"
    " FROM {schema}.artifacts JOIN {schema}.jobs ON jobs.id = artifacts.job_id;"
    "GRANT SELECT ON {schema}.queued_jobs, {schema}.minute_costs, {schema}.artifact_sizes TO kinolog_operator"
)
"""What limits of tenants are compared with: which jobs wait, costs and sizes, and nothing else of a job."""

READ_BY_TENANT = (
    tables.jobs,
    tables.prompts,
    tables.counters,
    tables.rollups,
    tables.depths,
    tables.timings,
    tables.activity,
)
READ_BY_OPERATORS = (tables.scenes, tables.artifacts)
OPEN = (tables.checkpoint, tables.commit_times)
"""Tables without anything of a tenant."""


async def secure_projection(connection: Connection, schema: str) -> None:
    """Let readers read their tenant's rows of a new projection, in the caller's transaction, and nothing else.

    Raises `psycopg.errors.InsufficientPrivilege`.
    """
    await connection.execute(MAKE_ROLES.encode())
    await connection.execute(_ENTER.format(schema=sql.Identifier(schema)))
    view = sql.Identifier(schema, tables.own_trigrams.name)
    for statement, secured in (
        (_SECURE, tuple(table for table in tables.projection.sorted_tables if table not in OPEN)),
        (_READ_OWN_ROWS, READ_BY_TENANT),
        (_READ_ALL_ROWS, READ_BY_OPERATORS),
        (_READ, OPEN),
        (_SEARCH_OWN_ROWS, (tables.prompt_trigrams,)),
    ):
        for table in secured:
            await connection.execute(statement.format(table=sql.Identifier(schema, table.name), view=view))
    await connection.execute(_SEARCH_OWN_COMMITS.format(schema=sql.Identifier(schema)))
    await connection.execute(_SHOW_USE.format(schema=sql.Identifier(schema)))


async def make_api_login(connection: Connection, password: str) -> None:
    """Make the login of the api, or give it this password. It has the rights of a role only after it took it.

    A projector that is no superuser becomes a member of the login, to see whether it still reads what was erased.
    """
    make = "{verb} ROLE kinolog_api LOGIN NOINHERIT PASSWORD {password}"
    async with connection.transaction():
        cursor = await connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [API_LOGIN])
        verb = "CREATE" if await cursor.fetchone() is None else "ALTER"
        hashed = password_hash(connection, API_LOGIN, password)
        await connection.execute(sql.SQL(make).format(verb=sql.SQL(verb), password=hashed))
        await connection.execute("GRANT kinolog_reader, kinolog_operator TO kinolog_api")
        cursor = await connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if await cursor.fetchone() != (True,):
            await connection.execute("GRANT kinolog_api TO CURRENT_USER")
