"""Rows as COPY takes them: what Postgres reads back is what went in."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from kinolog_projector.bulk.copy_into import CopyStatement
from sqlalchemy import Boolean, Column, Double, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from kinolog.readmodel.database import writing_connection

THINGS = Table(
    "things",
    MetaData(schema="public"),
    Column("text", Text),
    Column("document", JSONB, nullable=False),
    Column("numbers", ARRAY(Integer), nullable=False),
    Column("at", TIMESTAMP(timezone=True)),
    Column("yes", Boolean, nullable=False),
    Column("share", Double),
)
TEXTS = [
    "",
    "\\N",
    "NULL",
    " a ",
    "ä€🎬",
    "line\nbreak\ttab\r",
    '"',
    "\\",
    "\\.",
    "{}",
    "a,b",
    "\u2028",
    "\\t",
    None,
]


async def test_any_row_comes_back(database_url: str) -> None:
    """Texts of any characters, nothing at all, documents, arrays, times and numbers survive the way."""
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    rows: list[tuple[object, ...]] = [(text, {"a": [text, {}]}, [1, -2], at, True, 0.1) for text in TEXTS]
    rows.append(("last", {}, [], None, False, None))
    async with await writing_connection(database_url, "test") as connection:
        await connection.execute(
            "CREATE TABLE things (text text, document jsonb, numbers int[], at timestamptz, yes bool, share float8)"
        )
        into = CopyStatement(THINGS, "public")
        await into.rows(connection, [])
        await into.rows(connection, rows)
        cursor = await connection.execute("SELECT * FROM things")
        assert sorted(await cursor.fetchall(), key=str) == sorted(rows, key=str)
        await connection.execute("TRUNCATE things")
        await into.rows(connection, [("a\0b", {"c\0": ["\0", "\\u0000"]}, [], None, False, math.inf)])
        cursor = await connection.execute("SELECT text, document, share FROM things")
        assert await cursor.fetchone() == ("ab", {"c": ["", "\\u0000"]}, math.inf)
