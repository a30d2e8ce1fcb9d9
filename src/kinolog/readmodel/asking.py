"""Asking Postgres what SQLAlchemy Core has put into words. psycopg carries it; no engine is needed."""

from __future__ import annotations

from typing import Any

from psycopg.rows import tuple_row
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from kinolog.readmodel.database import Connection

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this one untyped

Statement = Select[Any]


async def rows(connection: Connection, statement: Statement) -> list[tuple[Any, ...]]:
    """All rows that a statement finds."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(str(compiled).encode(), compiled.params)
        return await cursor.fetchall()


async def scalar(connection: Connection, statement: Statement) -> Any:
    """The one value that a statement finds; None when it finds no row."""
    found = await rows(connection, statement)
    return found[0][0] if found else None
