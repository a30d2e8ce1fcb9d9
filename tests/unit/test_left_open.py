"""A connection that a test leaves open is seen when its loop is closed."""

from __future__ import annotations

import asyncio
import socket

from tests.fixtures.waits import until_true


def test_a_connection_that_is_left_open_is_found_and_closed(left_open: list[str]) -> None:
    """It is named with its addresses, and the collector finds nothing more to complain about."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await asyncio.open_connection(*listener.getsockname())

        _, writer = asyncio.run(connect())
        (found,) = left_open
        assert str(listener.getsockname()) in found
        assert writer.transport.is_closing()
    left_open.clear()


def test_a_connection_that_is_closed_is_not_found(left_open: list[str]) -> None:
    """Closing it is enough; the loop need not have seen its end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def connect() -> None:
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.close()
            await writer.wait_closed()

        asyncio.run(connect())
    assert left_open == []


def test_an_accepted_connection_is_closed(left_open: list[str]) -> None:
    """The server of a test ends before its handler does; the collector finds nothing."""

    begun: list[asyncio.StreamWriter] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.append(writer)
        await asyncio.Event().wait()

    async def accept() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()):
            await until_true(lambda: begun, "the connection is accepted")
        server.close()

    asyncio.run(accept())
    assert begun[0].transport.is_closing()
    assert left_open == []
