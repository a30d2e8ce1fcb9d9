"""A pool of readers tries a database that is away again and again, without long pauses."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from kinolog.ports.read_model import ReadModelUnavailable
from kinolog.readmodel import database
from kinolog.readmodel.postgres import PostgresReadModel
from tests.fixtures.waits import WAIT_SECONDS, until_true

TRIES = 7
"""More than a pool makes within a minute if its pauses double."""


async def test_a_database_that_is_away_is_tried_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """While reads fail, connections are tried every few seconds, so that a database that is back is used soon."""
    monkeypatch.setattr(database, "POOL_WAIT_SECONDS", 0.1)
    tries: list[int] = []

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tries.append(len(tries))
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        model = await PostgresReadModel.connect(f"postgresql://nobody@127.0.0.1:{port}/none", 1)

        async def read() -> None:
            while True:
                with contextlib.suppress(ReadModelUnavailable):
                    await model.position()

        reading = asyncio.create_task(read())
        await until_true(lambda: len(tries) >= TRIES, "the database was tried often")
        reading.cancel()
        await asyncio.wait((reading,), timeout=WAIT_SECONDS)
        await model.close()
