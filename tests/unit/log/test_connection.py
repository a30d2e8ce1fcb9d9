"""The connection to NATS while servers fail."""

from __future__ import annotations

import asyncio

import pytest

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.settings import LogSettings
from tests.fixtures.waits import WAIT_SECONDS

INFO = b'INFO {"headers": true, "max_payload": 1048576}\r\n'


async def test_sockets_of_failed_handshakes_are_closed() -> None:
    """When a server ends the handshake of a reconnect, the client closes that socket before it tries again."""
    connections = 0
    closed: asyncio.Queue[int] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            writer.write(INFO)
            await reader.readuntil(b"PING\r\n")
            writer.write(b"PONG\r\n")
        else:
            writer.write_eof()
            await reader.read()  # until the client closes its end
            closed.put_nowait(connections)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = await connect(LogSettings(nats_url=f"nats://127.0.0.1:{port}"), Service.API)
        async with asyncio.timeout(WAIT_SECONDS):
            for _ in range(2):
                await closed.get()
        await client.close()


async def test_a_server_that_never_answers_is_reported() -> None:
    """A server that accepts and says nothing ends `connect` with `LogUnavailable` after its time."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = LogSettings(nats_url=f"nats://127.0.0.1:{port}")
        with pytest.raises(LogUnavailable, match=r"no answer in 0\.1 s"):
            await connect(settings, Service.API, connect_seconds=0.1)
