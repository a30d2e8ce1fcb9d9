"""Asking Postgres what SQLAlchemy Core has put into words.

Core takes milliseconds to build and compile a statement with fifty columns, more than Postgres takes to answer. So a
statement is made once, with a name for each value (`bindparam`), and asked again and again; psycopg carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import tuple_row
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from kinolog.readmodel.database import Connection

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this one untyped

BEGIN = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
UNSWAPPED = b"SELECT oid = to_regnamespace('projection') FROM pg_namespace WHERE nspname = 'projection'"
"""Whether the name `projection` still means what it meant when the transaction began.

Tables are found by what their names mean now, rows by what the transaction sees: of a projection that was swapped in
since, it would see the rows of a rebuild half done.
"""
END = b"COMMIT"

PLANNED_ONCE = {
    "plan_cache_mode": "force_generic_plan",
    "enable_sort": "off",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""For statements that go along an index in its order, which the planner does not expect where it cannot see a limit."""
PLANNED_ANEW = dict.fromkeys(PLANNED_ONCE, "on") | {"plan_cache_mode": "force_custom_plan"}
"""A plan for the values at hand: statuses are as unequal as can be."""


def _settings(settings: Mapping[str, str]) -> bytes:
    """Sets them for the rest of the transaction, in one statement."""
    calls = (f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    return f"SELECT {', '.join(calls)}".encode()


PLAN_ONCE, PLAN_ANEW = _settings(PLANNED_ONCE), _settings(PLANNED_ANEW)

Row = tuple[Any, ...]
Values = Mapping[str, Any]


class PreparedQuery:
    """A statement that is compiled when it is first asked.

    A `steady` one has one good plan whatever its values, by indexes, which each connection makes once; others are
    planned for the values at hand, which may take as long as the answer.
    """

    def __init__(self, statement: Select[Any], *, steady: bool = False) -> None:
        self.statement = statement
        self.steady = steady

    @cached_property
    def _compiled(self) -> tuple[bytes, dict[str, Any]]:
        compiled = self.statement.compile(dialect=_DIALECT)
        return str(compiled).encode(), dict(compiled.params)

    async def send(self, connection: Connection, values: Values) -> AsyncCursor[Row]:
        """Ask; the cursor gets the answer. Values that it has no name for are passed over."""
        sql, constants = self._compiled
        cursor = connection.cursor(binary=True, row_factory=tuple_row)
        await cursor.execute(sql, constants | dict(values))
        return cursor

    async def rows(self, snapshot: Snapshot, values: Values | None = None) -> list[Row]:
        """All rows that it finds."""
        (found,) = await snapshot.ask((self, values or {}))
        return found

    async def scalar(self, snapshot: Snapshot, values: Values | None = None) -> Any:
        """The one value that it finds; None when it finds no row."""
        found = await self.rows(snapshot, values)
        return found[0][0] if found else None


BoundQuery = tuple[PreparedQuery, Values]
"""A question with the values that it names."""


class Snapshot:
    """One state of the database. Questions that are asked together take one way there and back.

    The transaction begins with the first of them, and ends with those that are said to be the last.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._begun = False
        self._plans_once = False
        self._unswapped: bool | None = None

    async def ask(self, *asked: BoundQuery, last: bool = False) -> list[list[Row]]:
        """The rows that each question finds. Behind the `last` ones nothing can be asked."""
        async with self._connection.pipeline():
            if not self._begun:
                await self._connection.execute(BEGIN)
                self._begun = True
            cursors = [await self._send(question, values) for question, values in asked]
            if last:
                check = await self._connection.execute(UNSWAPPED, binary=True)
                await self._connection.execute(END)
        found = [await cursor.fetchall() for cursor in cursors]
        if last:
            row = await check.fetchone()
            self._unswapped = row is not None and bool(row[0])
        return found

    async def _send(self, question: PreparedQuery, values: Values) -> AsyncCursor[Row]:
        if question.steady != self._plans_once:
            await self._connection.execute(PLAN_ONCE if question.steady else PLAN_ANEW)
            self._plans_once = question.steady
        return await question.send(self._connection, values)

    async def end(self) -> bool:
        """Whether all that was asked came from one projection. Ends the transaction if it has not ended."""
        if self._unswapped is None:
            await self.ask(last=True)
        return bool(self._unswapped)
