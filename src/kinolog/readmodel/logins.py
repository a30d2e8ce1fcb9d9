"""The logins of projector and api, as a superuser makes them. See decision 112.

The login of the projector owns the database and what is in it, and is no superuser. It may end files of the
write-ahead log, which erasures need, and nothing else that an owner may not. That of the api may take the roles of
readers. The names in statements are those of kinolog.readmodel.roles.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import psycopg
from psycopg import sql

from kinolog.readmodel.roles import API_LOGIN, OPERATOR, PROJECTOR_LOGIN, READER

SyncConnection: TypeAlias = psycopg.Connection[Any]

_MAKE_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role};
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- of another database of this server, just now
END $$;
"""
_MAKE_ROLES = "".join(_MAKE_ROLE.format(role=role) for role in (READER, OPERATOR, API_LOGIN, PROJECTOR_LOGIN))

_MAKE_MEMBERS = """
GRANT kinolog_reader, kinolog_operator TO kinolog_api;
GRANT kinolog_reader, kinolog_operator, pg_read_all_stats TO kinolog_projector;
DO $$ DECLARE routine regprocedure; BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_checkpoint') THEN
        GRANT pg_checkpoint TO kinolog_projector;
    END IF;
    FOR routine IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
            AND proname IN ('pg_switch_wal', 'pg_logical_emit_message', 'pg_ls_waldir')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO kinolog_projector', routine);
    END LOOP;
END $$;
"""
"""`pg_read_all_stats` shows whose transaction still reads what was erased."""

_GIVE_DATABASE = """
DO $$ DECLARE statement text; BEGIN
    FOR statement IN
        WITH schemas AS (
            SELECT oid, nspname, nspowner FROM pg_namespace
            WHERE nspname IN ('kinolog', 'projection') OR starts_with(nspname, 'projection_')
        )
        SELECT format('ALTER DATABASE %I OWNER TO kinolog_projector', datname) FROM pg_database
            WHERE datname = current_database() AND datdba <> 'kinolog_projector'::regrole
        UNION ALL
        SELECT format('ALTER SCHEMA %I OWNER TO kinolog_projector', nspname) FROM schemas
            WHERE nspowner <> 'kinolog_projector'::regrole
        UNION ALL
        SELECT format('ALTER %s %s OWNER TO kinolog_projector', kinds.name, relations.oid::regclass)
            FROM pg_class AS relations JOIN schemas ON schemas.oid = relations.relnamespace
            JOIN (VALUES ('r', 'TABLE'), ('p', 'TABLE'), ('v', 'VIEW'), ('S', 'SEQUENCE')) AS kinds (kind, name)
                ON kinds.kind = relations.relkind::text
            WHERE relations.relowner <> 'kinolog_projector'::regrole AND NOT EXISTS (  -- a sequence of a column
                SELECT FROM pg_depend WHERE objid = relations.oid AND deptype IN ('a', 'i') AND kinds.kind = 'S'
            )
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO kinolog_projector', routines.oid::regprocedure)
            FROM pg_proc AS routines JOIN schemas ON schemas.oid = routines.pronamespace
            WHERE routines.proowner <> 'kinolog_projector'::regrole
    LOOP
        EXECUTE statement;
    END LOOP;
END $$;
"""
"""What a superuser made, as the projector of an earlier version or a restore, is the projector's from then on."""


def make_logins(connection: SyncConnection, *, projector_password: str, api_password: str) -> None:
    """Make both logins, give them these passwords, and give the database to the projector. Idempotent.

    The connection is that of a superuser. Raises `psycopg.Error`.
    """
    with connection.transaction():
        connection.execute(_MAKE_ROLES.encode())
        for login, password in ((PROJECTOR_LOGIN, projector_password), (API_LOGIN, api_password)):
            connection.execute(_password_statement(connection, login, password))
        connection.execute(_MAKE_MEMBERS.encode())
        connection.execute(_GIVE_DATABASE.encode())


def password_hash(connection: psycopg.BaseConnection[Any], login: str, password: str) -> sql.Literal:
    """Return the hash of a login's password for statements, which may be logged."""
    hashed = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256")
    return sql.Literal(hashed.decode())


def _password_statement(connection: SyncConnection, login: str, password: str) -> sql.Composed:
    """Return the statement that makes a role a plain login."""
    inherits = "NOINHERIT" if login == API_LOGIN else "INHERIT"
    return sql.SQL(
        "ALTER ROLE {login} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS {inherits} "
        "PASSWORD {password}"
    ).format(
        login=sql.Identifier(login),
        inherits=sql.SQL(inherits),
        password=password_hash(connection, login, password),
    )
