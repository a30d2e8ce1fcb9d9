"""Rows in the text format of COPY: Postgres reads back what was written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from kinolog_projector.bulk.copy_into import CopyStatement
from sqlalchemy import Boolean, Column, Double, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from kinolog.readmodel.database import writer_connection
from kinolog.readmodel.tables import Row

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


def keyed(rows: Sequence[tuple[object, ...]]) -> list[Row]:
    """Return rows of `THINGS`, keyed by column."""
    return [dict(zip(THINGS.columns.keys(), row, strict=True)) for row in rows]


async def test_any_row_comes_back(database_url: str) -> None:
    """Texts of any characters, NULL, documents, arrays, times and numbers round-trip."""
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    rows: list[tuple[object, ...]] = [(text, {"a": [text, {}]}, [1, -2], at, True, 0.1) for text in TEXTS]
    rows.append(("last", {}, [], None, False, None))
    async with await writer_connection(database_url, "test") as connection:
        await connection.execute(
            "CREATE TABLE things (text text, document jsonb, numbers int[], at timestamptz, yes bool, share float8)"
        )
        into = CopyStatement(THINGS, "public")
        await into.write(connection, [])
        await into.write(connection, keyed(rows))
        cursor = await connection.execute("SELECT * FROM things")
        assert sorted(await cursor.fetchall(), key=str) == sorted(rows, key=str)
        await connection.execute("TRUNCATE things")
        await into.write(connection, keyed([("a\0b", {"c\0": ["\0", "\\u0000"]}, [], None, False, math.inf)]))
        cursor = await connection.execute("SELECT text, document, share FROM things")
        assert await cursor.fetchone() == ("ab", {"c": ["", "\\u0000"]}, math.inf)
