"""Migrates the database to this version."""

from __future__ import annotations

from pathlib import Path

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from kinolog.readmodel.database import first_line, sqlalchemy_url
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA
from kinolog.readmodel.roles import OPERATOR, READER
from kinolog_projector.schema.revision import LOCK, WrongSchema


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def migrate_permanent_schema(database_url: str) -> None:
    """Run the missing migrations, one process at a time. Blocks. Raises `WrongSchema` without the rights to do it."""
    engine = sqlalchemy.create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    try:
        _migrate(engine)
    except sqlalchemy.exc.ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        raise WrongSchema(
            f"the login of the projector may not migrate the database: {first_line(error.orig)}. It owns the "
            f"database and has CREATEROLE, or a superuser makes {READER} and {OPERATOR} and grants them to it "
            "(docs/running.md, The logins of an outside Postgres)"
        ) from error


def _migrate(engine: sqlalchemy.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(sqlalchemy.text(f"CREATE SCHEMA IF NOT EXISTS {PERMANENT_SCHEMA}"))
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def head() -> str:
    """Return the last migration."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def is_revision(name: str) -> bool:
    """Return whether a migration of this version of the program has this name."""
    return any(script.revision == name for script in ScriptDirectory.from_config(_config()).walk_revisions())
