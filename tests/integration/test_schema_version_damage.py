"""A database whose note of its version cannot be read is built again from the log; nothing guesses its version."""

from __future__ import annotations

import psycopg
import pytest
from kinolog_projector.restore.damaged_pages import SCHEMA_VERSION, mend

from kinolog.ports.event_store import DamagedLog
from kinolog.readmodel.database import writer_connection


async def _file(connection: psycopg.AsyncConnection[tuple[object, ...]], table: str) -> str:
    cursor = await connection.execute("SELECT pg_relation_filenode(%s::regclass)", [table])
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize(
    "left", [(), ("0005", "0004"), ("0\x7f05",)], ids=["nothing", "two rows", "another byte"]
)
async def test_a_version_that_cannot_be_read_is_not_guessed(
    migrated_database_url: str, left: tuple[str, ...]
) -> None:
    """What is left of the page is no version of the database: the restore names the command that needs none."""
    async with await writer_connection(migrated_database_url, "test") as connection:
        await connection.execute("TRUNCATE kinolog.schema_version")
        for revision in left:
            await connection.execute("INSERT INTO kinolog.schema_version VALUES (%s)", [revision])
        with pytest.raises(DamagedLog, match="kinolog restore --new-database"):
            await mend(connection, [await _file(connection, SCHEMA_VERSION)])
        cursor = await connection.execute("SELECT count(*) FROM kinolog.schema_version")
        assert await cursor.fetchone() == (len(left),)


async def test_a_version_that_can_be_read_is_written_again(migrated_database_url: str) -> None:
    """The damage is beside it on the page."""
    async with await writer_connection(migrated_database_url, "test") as connection:
        before = await _file(connection, SCHEMA_VERSION)
        found = await (await connection.execute("SELECT * FROM kinolog.schema_version")).fetchall()
        mended = await mend(connection, [before])
        assert mended.done == [f"write {SCHEMA_VERSION} again"]
        assert await _file(connection, SCHEMA_VERSION) != before
        assert await (await connection.execute("SELECT * FROM kinolog.schema_version")).fetchall() == found
