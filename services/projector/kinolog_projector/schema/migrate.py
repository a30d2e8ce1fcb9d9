"""Migrates the database to this version."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from kinolog.readmodel.database import sqlalchemy_url
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA
from kinolog_projector.schema.revision import LOCK


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def migrate_permanent_schema(database_url: str) -> None:
    """Run the missing migrations, one process at a time. Blocks."""
    engine = sqlalchemy.create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
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
