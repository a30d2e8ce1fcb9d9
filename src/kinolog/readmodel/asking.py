"""Asking Postgres what SQLAlchemy Core has put into words.

Core takes milliseconds to build and compile a statement with fifty columns, more than Postgres takes to answer. So a
statement is made once, with a name for each value (`bindparam`), and asked again and again; psycopg carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from psycopg.rows import tuple_row
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from kinolog.readmodel.database import Connection

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this one untyped

Row = tuple[Any, ...]


class Question:
    """A statement that is compiled when it is first asked."""

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement

    @cached_property
    def _compiled(self) -> tuple[bytes, dict[str, Any]]:
        compiled = self.statement.compile(dialect=_DIALECT)
        return str(compiled).encode(), dict(compiled.params)

    async def rows(self, connection: Connection, values: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows that it finds. Values that it has no name for are passed over."""
        sql, constants = self._compiled
        async with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
            await cursor.execute(sql, constants | dict(values or {}))
            return await cursor.fetchall()

    async def scalar(self, connection: Connection, values: Mapping[str, Any] | None = None) -> Any:
        """The one value that it finds; None when it finds no row."""
        found = await self.rows(connection, values)
        return found[0][0] if found else None
