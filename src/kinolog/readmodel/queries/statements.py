"""Sends SQLAlchemy Core statements to Postgres. See decision 33.

Core takes milliseconds to build and compile a statement with fifty columns, longer than Postgres takes to answer. So
each statement is built once, with a named parameter for each value (`bindparam`), and sent many times with psycopg.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import tuple_row
from sqlalchemy import CompoundSelect, Select, make_url

from kinolog.readmodel.database import Connection
from kinolog.readmodel.roles import OPERATOR, TENANT_SETTING

DIALECT = make_url("postgresql+psycopg://").get_dialect()()
"""How SQLAlchemy writes statements and types for Postgres."""

BEGIN = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
NOT_SWAPPED = b"SELECT oid = to_regnamespace('projection') FROM pg_namespace WHERE nspname = 'projection'"
"""Whether the name `projection` still refers to the schema that it referred to when the transaction began.

Postgres resolves table names when a statement begins, but shows rows as of the beginning of the transaction. After a
swap the transaction would see the new tables as they were then: half filled.
"""
END = b"COMMIT"

SET_TENANT = f"SELECT set_config('{TENANT_SETTING}', %s, true)".encode()
BE_OPERATOR = f"SET LOCAL ROLE {OPERATOR}".encode()

GENERIC_PLANS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_sort": "off",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""For statements that scan an index in its order. The planner does not choose that if it does not know the limit."""
CUSTOM_PLANS = dict.fromkeys(GENERIC_PLANS, "on") | {"plan_cache_mode": "force_custom_plan"}
"""A plan for the given values: some statuses have a thousand times as many jobs as others."""


def _settings(settings: Mapping[str, str]) -> bytes:
    """Return one statement that applies settings for the rest of the transaction."""
    calls = (f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    return f"SELECT {', '.join(calls)}".encode()


SET_GENERIC_PLANS, SET_CUSTOM_PLANS = _settings(GENERIC_PLANS), _settings(CUSTOM_PLANS)

ResultRow = tuple[Any, ...]
Values = Mapping[str, Any]


class PreparedQuery:
    """A statement that is compiled on first use.

    One with `generic_plan` has one good plan for all values, by indexes, which each connection makes once. Others are
    planned for the given values, which can take as long as the query itself.
    """

    def __init__(self, statement: Select[Any] | CompoundSelect[Any], *, generic_plan: bool = False) -> None:
        self.statement = statement
        self.generic_plan = generic_plan

    @cached_property
    def _names(self) -> list[str]:
        return list(self.statement.selected_columns.keys())

    @cached_property
    def _compiled(self) -> tuple[bytes, dict[str, Any]]:
        compiled = self.statement.compile(dialect=DIALECT)
        return str(compiled).encode(), dict(compiled.params)

    async def send(self, connection: Connection, values: Values) -> AsyncCursor[ResultRow]:
        """Send the query; the cursor receives the result. Values that it has no parameter for are ignored."""
        sql, constants = self._compiled
        cursor = connection.cursor(binary=True, row_factory=tuple_row)
        await cursor.execute(sql, constants | dict(values))
        return cursor

    async def rows(self, snapshot: Snapshot, values: Values | None = None) -> list[ResultRow]:
        """Return all rows of the result."""
        (rows,) = await snapshot.run((self, values or {}))
        return rows

    async def records(self, snapshot: Snapshot, values: Values | None = None) -> list[dict[str, Any]]:
        """Return all rows of the result, keyed by column."""
        return self.keyed(await self.rows(snapshot, values))

    def keyed(self, rows: Iterable[ResultRow]) -> list[dict[str, Any]]:
        """Return rows of the result, keyed by column."""
        return [dict(zip(self._names, row, strict=True)) for row in rows]


BoundQuery = tuple[PreparedQuery, Values]
"""A query with the values of its parameters."""


class Snapshot:
    """One state of the database, with the rows of a tenant. Queries of one `run` share a round trip.

    The transaction begins with the first query and ends with the `last` ones. Without a tenant it has no row of any,
    or, with `as_operator`, the rows of the tables that only operators read.
    """

    def __init__(self, connection: Connection, tenant: str = "", *, as_operator: bool = False) -> None:
        self._connection = connection
        self._tenant = tenant
        self._as_operator = as_operator
        self._begun = False
        self._generic_plans = False
        self._not_swapped: bool | None = None

    async def run(self, *queries: BoundQuery, last: bool = False) -> list[list[ResultRow]]:
        """Return the rows of each query. After the `last` ones no query can be sent."""
        async with self._connection.pipeline():
            if not self._begun:
                await self._connection.execute(BEGIN)
                self._begun = True
                if self._as_operator:
                    await self._connection.execute(BE_OPERATOR)
                elif self._tenant:
                    await self._connection.execute(SET_TENANT, [self._tenant])
            cursors = [await self._send(query, values) for query, values in queries]
            if last:
                check = await self._connection.execute(NOT_SWAPPED, binary=True)
                await self._connection.execute(END)
        results = [await cursor.fetchall() for cursor in cursors]
        if last:
            row = await check.fetchone()
            self._not_swapped = row is not None and bool(row[0])
        return results

    async def _send(self, query: PreparedQuery, values: Values) -> AsyncCursor[ResultRow]:
        if query.generic_plan != self._generic_plans:
            await self._connection.execute(SET_GENERIC_PLANS if query.generic_plan else SET_CUSTOM_PLANS)
            self._generic_plans = query.generic_plan
        return await query.send(self._connection, values)

    async def end(self) -> bool:
        """End the transaction if it has not ended. Return whether all rows came from one projection."""
        if self._not_swapped is None:
            await self.run(last=True)
        return bool(self._not_swapped)
