"""A connection to the api that is slow to be made, as on a busy machine, fails no call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.fixtures.waits import WAIT_SECONDS
from tests.unit.gateway.conftest import running_gateway
from tests.unit.gateway.recording_api import RecordingApi

ANSWERS_AFTER_SECONDS = 0.5


@asynccontextmanager
async def slow_way(target: str) -> AsyncIterator[str]:
    """Yield another address of a server, at which each connection carries its first bytes after a while."""
    host, _, port = target.rpartition(":")
    carrying = set[asyncio.Task[None] | None]()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
        finally:
            writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carrying.add(asyncio.current_task())
        onwards, answers = await asyncio.open_connection(host, int(port))
        opened = asyncio.Event()
        asyncio.get_running_loop().call_later(ANSWERS_AFTER_SECONDS, opened.set)
        await opened.wait()
        await asyncio.gather(copy(reader, answers), copy(onwards, writer), return_exceptions=True)

    async with await asyncio.start_server(carry, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with asyncio.timeout(WAIT_SECONDS):
            await asyncio.gather(*(task for task in carrying if task is not None))


async def test_a_slow_connection_fails_no_write(api: RecordingApi) -> None:
    """Also no write that gRPC does not repeat, such as one about many jobs."""
    async with slow_way(api.target) as target, running_gateway(target) as gateway:
        answer = await gateway.client.post("/api/v1/bulk", json={"action": "cancel", "job_ids": ["a" * 26]})
        assert answer.status_code == 200, answer.text
