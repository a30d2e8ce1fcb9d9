"""Statements that write many rows at once, one array per column, for the tables of one schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

from psycopg import AsyncRawCursor, sql
from sqlalchemy import Table

from kinolog.readmodel.database import Connection
from kinolog.readmodel.tables import Row
from kinolog_projector.bulk.array_literals import ArrayColumn


class BulkStatement:
    """A statement that reads its rows from `unnest` of arrays, with the alias `given`.

    Its parameters are numbered here: psycopg numbers those of a statement as long as that of `jobs` each time it is
    sent, which takes longer than all other work on it.
    """

    def __init__(self, query: sql.Composed, columns: Sequence[ArrayColumn]) -> None:
        first, *others = query.as_string().split("%s")
        numbered = (f"${number}{part}" for number, part in enumerate(others, 1))
        self.query = "".join((first, *numbered)).encode()
        self._columns = columns
        self._values = itemgetter(*(column.name for column in columns))

    async def send(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Write rows, if there are any."""
        if rows:
            await AsyncRawCursor(connection).execute(self.query, self.parameters(rows))

    def parameters(self, rows: Sequence[Row]) -> list[str]:
        """Return the rows, one literal per column. Raises `KeyError` for a row without one of the columns."""
        columns = zip(self._columns, zip(*map(self._values, rows), strict=True), strict=True)
        return [column.literal(values) for column, values in columns]


def insert(table: Table, schema: str, *, or_skip: bool = False) -> BulkStatement:
    """Return the statement that inserts rows; with `or_skip`, existing rows stay as they are."""
    tail = sql.SQL(" ON CONFLICT DO NOTHING") if or_skip else sql.SQL("")
    return BulkStatement(_insert(table, schema) + tail, _columns(table))


def upsert(
    table: Table,
    schema: str,
    *,
    keep: Sequence[str] = (),
    add: Sequence[str] = (),
    least: Sequence[str] = (),
    greatest: Sequence[str] = (),
    later: Mapping[str, sql.Composable] | None = None,
    newest: str = "",
) -> BulkStatement:
    """Return the statement that inserts rows and updates existing ones.

    Columns in `keep` keep their first value that is not NULL; those in `add` are added up; those in `least` and
    `greatest` keep the least and the greatest value; those in `later` get the value of their expression; the others are
    replaced.
    With `newest`, a row is replaced only by one with a greater value in that column.
    """
    key = [column.name for column in table.primary_key]
    name = sql.Identifier(table.name)
    sets = []
    for column in table.columns:
        if column.name in key:
            continue
        column_name = sql.Identifier(column.name)
        value: sql.Composable
        if later is not None and column.name in later:
            value = later[column.name]
        elif column.name in keep:
            value = sql.SQL("coalesce({}.{}, excluded.{})").format(name, column_name, column_name)
        elif column.name in add:
            value = sql.SQL("{}.{} + excluded.{}").format(name, column_name, column_name)
        elif column.name in (*least, *greatest):
            function = sql.SQL("least" if column.name in least else "greatest")
            value = sql.SQL("{}({}.{}, excluded.{})").format(function, name, column_name, column_name)
        else:
            value = sql.SQL("excluded.{}").format(column_name)
        sets.append(sql.SQL("{} = {}").format(column_name, value))
    tail = sql.SQL(" ON CONFLICT ({}) DO UPDATE SET {}").format(_names(key), sql.SQL(", ").join(sets))
    if newest:
        tail += sql.SQL(" WHERE {0}.{1} < excluded.{1}").format(name, sql.Identifier(newest))
    return BulkStatement(_insert(table, schema) + tail, _columns(table))


def merge_counts(table: Table, schema: str, count: str) -> BulkStatement:
    """Return the statement that adds `count` to rows by key and deletes those that reach zero.

    A count below zero violates the check of the table.
    """
    key = [column.name for column in table.primary_key]
    query = sql.SQL(
        "MERGE INTO {table} AS target USING (SELECT * FROM {given}) AS given ON {match}"
        " WHEN MATCHED AND target.{count} + given.{count} = 0 THEN DELETE"
        " WHEN MATCHED THEN UPDATE SET {count} = target.{count} + given.{count}"
        " WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
    ).format(
        table=sql.Identifier(schema, table.name),
        given=_given(table),
        match=sql.SQL(" AND ").join(
            sql.SQL("target.{0} = given.{0}").format(sql.Identifier(name)) for name in key
        ),
        count=sql.Identifier(count),
        names=_names([column.name for column in table.columns]),
        values=sql.SQL(", ").join(
            sql.SQL("given.{}").format(sql.Identifier(column.name)) for column in table.columns
        ),
    )
    return BulkStatement(query, _columns(table))


def _insert(table: Table, schema: str) -> sql.Composed:
    values = (
        sql.SQL("{}{}").format(sql.Identifier(column.name), sql.SQL(column.value_cast))
        for column in _columns(table)
    )
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(
        sql.Identifier(schema, table.name),
        _names([column.name for column in table.columns]),
        sql.SQL(", ").join(values),
        _given(table),
    )


def _given(table: Table) -> sql.Composed:
    casts = sql.SQL(", ").join(sql.SQL("%s::{}").format(sql.SQL(column.cast)) for column in _columns(table))
    return sql.SQL("unnest({}) AS given({})").format(casts, _names([column.name for column in table.columns]))


def _names(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _columns(table: Table) -> list[ArrayColumn]:
    return [ArrayColumn(column) for column in table.columns]
