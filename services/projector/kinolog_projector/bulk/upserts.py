"""Statements that write whole columns of rows at once, for the tables of one schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import sql
from sqlalchemy import Table

from kinolog_projector.bulk.array_literals import ArrayColumn

Row = Sequence[Any]


class BulkStatement:
    """One statement that takes rows as `unnest` of arrays, called `given` in it."""

    def __init__(self, query: sql.Composed, columns: Sequence[ArrayColumn]) -> None:
        self.query = query.as_bytes()
        self._columns = columns

    def parameters(self, rows: Sequence[Row]) -> list[str]:
        """The rows, a literal per column."""
        return [
            column.literal(values)
            for column, values in zip(self._columns, zip(*rows, strict=True), strict=True)
        ]


def insert(table: Table, schema: str, *, or_skip: bool = False) -> BulkStatement:
    """Insert rows; with `or_skip`, those that are there already stay as they are."""
    tail = sql.SQL(" ON CONFLICT DO NOTHING") if or_skip else sql.SQL("")
    return BulkStatement(_insert(table, schema) + tail, _columns(table))


def upsert(
    table: Table, schema: str, *, keep: Sequence[str] = (), add: Sequence[str] = (), newest: str = ""
) -> BulkStatement:
    """Insert rows, or update those that are there.

    Columns in `keep` stay as they were first written, or are filled in where they were NULL; those in `add` are
    added up; the others are replaced. With `newest`, a row is only replaced by one with a greater such column.
    """
    key = [column.name for column in table.primary_key]
    name = sql.Identifier(table.name)
    sets = []
    for column in table.columns:
        if column.name in key:
            continue
        here = sql.Identifier(column.name)
        if column.name in keep:
            value = sql.SQL("coalesce({}.{}, excluded.{})").format(name, here, here)
        elif column.name in add:
            value = sql.SQL("{}.{} + excluded.{}").format(name, here, here)
        else:
            value = sql.SQL("excluded.{}").format(here)
        sets.append(sql.SQL("{} = {}").format(here, value))
    tail = sql.SQL(" ON CONFLICT ({}) DO UPDATE SET {}").format(_names(key), sql.SQL(", ").join(sets))
    if newest:
        tail += sql.SQL(" WHERE {0}.{1} < excluded.{1}").format(name, sql.Identifier(newest))
    return BulkStatement(_insert(table, schema) + tail, _columns(table))


def merge_counts(table: Table, schema: str, count: str) -> BulkStatement:
    """Add `count` to rows by their key; those that reach zero go. A count below zero violates the table's check."""
    key = [column.name for column in table.primary_key]
    query = sql.SQL(
        "MERGE INTO {table} AS there USING (SELECT * FROM {given}) AS given ON {match}"
        " WHEN MATCHED AND there.{count} + given.{count} = 0 THEN DELETE"
        " WHEN MATCHED THEN UPDATE SET {count} = there.{count} + given.{count}"
        " WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
    ).format(
        table=sql.Identifier(schema, table.name),
        given=_given(table),
        match=sql.SQL(" AND ").join(
            sql.SQL("there.{0} = given.{0}").format(sql.Identifier(name)) for name in key
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
