"""Writes rows as the text format of COPY: the fastest way into a table, for rows that are new to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from psycopg import sql
from sqlalchemy import Boolean, Column, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from kinolog.readmodel.database import Connection
from kinolog.readmodel.tables import Row
from kinolog_projector.bulk.array_literals import json_text

Encoder = Callable[[Any], str]

NULL = "\\N"
_SPECIAL = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": ""})


class CopyStatement:
    """COPY into a table of one schema. Columns of types without an encoder are numbers."""

    def __init__(self, table: Table, schema: str) -> None:
        self._statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(schema, table.name),
            sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns),
        )
        self._columns = [(_encoder(column), bool(column.nullable)) for column in table.columns]
        self._values = itemgetter(*table.columns.keys())

    async def write(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Write rows, if there are any."""
        if not rows:
            return
        async with connection.cursor() as cursor, cursor.copy(self._statement) as copy:
            await copy.write(self.text(rows))

    def text(self, rows: Sequence[Row]) -> str:
        """Return the rows, one line each. Raises `KeyError` for a row without one of the columns."""
        columns = []
        for (encode, nullable), values in zip(
            self._columns, zip(*map(self._values, rows), strict=True), strict=True
        ):
            if nullable:
                columns.append([NULL if value is None else encode(value) for value in values])
            else:
                columns.append(list(map(encode, values)))
        return "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"


def copied_text(value: str) -> str:
    """Return a text, escaped, without NUL, which Postgres cannot store."""
    if value.isprintable() and "\\" not in value:
        return value
    return value.translate(_SPECIAL)


def _copied_json(value: Mapping[str, object] | list[object]) -> str:
    return copied_text(json_text(value))


def _copied_numbers(value: Iterable[int]) -> str:
    return "{" + ",".join(map(str, value)) + "}"


def _copied_bool(value: bool) -> str:
    return "t" if value else "f"


def _encoder(column: Column[Any]) -> Encoder:
    match column.type:
        case JSONB():
            return _copied_json
        case ARRAY():
            return _copied_numbers
        case TIMESTAMP():
            return datetime.isoformat
        case Boolean():
            return _copied_bool
        case Text():
            return copied_text
        case _:
            return repr
