"""Deadlines and limits of connections, before anyone is identified."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from kinolog_gateway.app import OTHER_FILES, allow_open_files
from kinolog_gateway.http.edge.bounded_protocol import LEAST_BODY_BYTES, Awaited
from kinolog_gateway.http.edge.connection_limits import ConnectionLimits
from kinolog_gateway.websocket import protocol
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.unit.gateway.conftest import running_gateway

NO_API = "127.0.0.1:1"
HEAD = b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n"


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(url: str, sent: bytes) -> bytes:
    """Return all that a server answers until it ends the connection."""
    async with connection(url) as (reader, writer):
        writer.write(sent)
        return await reader.read()


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\nHost: local", HEAD + b"\r\n{", HEAD + b"\r\n" + b" " * 3_000]
)
async def test_requests_that_do_not_arrive(sent: bytes) -> None:
    """A connection whose request stalls in its head or its body is answered with 408 and ended."""
    async with running_gateway(NO_API, gateway_head_seconds=0.05, gateway_body_seconds=0.05) as gateway:
        answered = await answer(gateway.url, sent)
    assert answered.startswith(b"HTTP/1.1 408 ")
    assert b"REQUEST_STALLED" in answered


async def test_connections_that_ask_nothing() -> None:
    """A connection without a request is ended without an answer; one that has been answered is kept."""
    async with (
        running_gateway(NO_API, gateway_head_seconds=0.3) as gateway,
        connection(gateway.url) as (reader, writer),
    ):
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in await reader.readline()
        assert await answer(gateway.url, b"") == b""
        await reader.readuntil(b"}")
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in await reader.readline()


async def test_the_rest_of_a_refused_body() -> None:
    """A client that is refused may not send its body without end."""
    async with running_gateway(NO_API, gateway_head_seconds=0.3, require_key=True) as gateway:
        answered = await answer(gateway.url, HEAD + b"\r\n{")
    assert answered.startswith(b"HTTP/1.1 401 ")
    assert b"HTTP/1.1 408" not in answered


async def test_a_refused_body_that_arrives() -> None:
    """A connection is idle once the rest of a refused body has arrived, and is ended if nobody asks more."""
    async with (
        running_gateway(NO_API, gateway_head_seconds=0.3, require_key=True) as gateway,
        connection(gateway.url) as (reader, writer),
    ):
        writer.write(HEAD + b"\r\n{")
        await reader.readuntil(b"}")
        writer.write(b" " * 3_999)
        assert await reader.read() == b""


async def test_a_body_that_goes_on_has_time() -> None:
    """A body of which enough arrived in the time for a part of it gets more time; one that stalls gets none."""
    async with running_gateway(NO_API) as gateway, connection(gateway.url) as (reader, writer):
        writer.write(HEAD + b"Expect: 100-continue\r\n\r\n")
        assert b" 100 " in await reader.readline()  # the gateway waits for the body
        (served,) = gateway.server.server_state.connections
        waiting: Any = served
        waiting._arrived_bytes = LEAST_BODY_BYTES
        waiting._on_deadline(Awaited.BODY)
        assert not waiting.transport.is_closing()
        waiting._on_deadline(Awaited.BODY)
        assert waiting.transport.is_closing()


async def test_connections_beyond_the_limit() -> None:
    """A connection too many is answered with 503. WebSockets count until they end."""
    async with running_gateway(NO_API, gateway_connections=1) as gateway:
        async with connect(gateway.ws_url, proxy=None):
            answered = await answer(gateway.url, b"")
        assert answered.startswith(b"HTTP/1.1 503 ")
        assert b"TOO_MANY_CONNECTIONS" in answered
        assert (await gateway.client.get("/health")).status_code == 200


def test_open_files() -> None:
    """The gateway may open as many files as it has connections, if the system allows it; never fewer than before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        allow_open_files(soft - OTHER_FILES - 1)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
        allow_open_files(soft - OTHER_FILES)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_client_that_sends_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """A WebSocket client that sends too many messages or pings is closed with 1008 and a reason."""
    monkeypatch.setattr(protocol, "FRAMES_AT_ONCE", 3)
    monkeypatch.setattr(protocol, "FRAMES_PER_SECOND", 0.0)
    async with running_gateway(NO_API) as gateway:
        for pings in (True, False):
            async with connect(gateway.ws_url, proxy=None) as client:
                for _ in range(4):
                    await (client.ping() if pings else client.send('{"type": "ping"}'))
                await client.wait_closed()
            assert (client.close_code, client.close_reason) == (1008, protocol.TOO_MANY_FRAMES)


async def test_a_message_in_too_many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message may have few parts, for empty ones have no bytes that are limited."""
    monkeypatch.setattr(protocol, "PARTS_OF_A_MESSAGE", 3)
    async with running_gateway(NO_API) as gateway, connect(gateway.ws_url, proxy=None) as client:
        with suppress(ConnectionClosed):
            await client.send([""] * 4)
        await client.wait_closed()
    assert (client.close_code, client.close_reason) == (1008, protocol.TOO_MANY_PARTS)


def limits(in_all: int = 100, for_one_address: int = 1) -> ConnectionLimits:
    """Return limits, with a proxy that is trusted."""
    return ConnectionLimits(
        in_all=in_all,
        for_one_address=for_one_address,
        head_seconds=1.0,
        body_seconds=1.0,
        trusted_proxies=("10.0.0.0/8",),
    )


@pytest.mark.parametrize(
    ("first", "second", "accepted"),
    [
        ("192.0.2.1", "192.0.2.1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", False),
        ("192.0.2.1", "192.0.2.2", True),
        ("2001:db8::1", "2001:db8::ffff", False),
        ("2001:db8::1", "2001:db8:0:1::1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("fe80::1%eth0", "fe80::1%eth0", False),
        ("", "", True),
    ],
)
def test_connections_of_one_address(first: str, second: str, accepted: bool) -> None:
    """Addresses have a limit, and networks of IPv6. This machine and trusted proxies have none."""
    counted = limits()
    key = counted.take(first)
    assert key is not None
    assert (counted.take(second) is not None) is accepted
    counted.release(key)
    assert counted.take(first) is not None
    unlimited = limits(for_one_address=0)
    assert (unlimited.take(first), unlimited.take(first)) == ("", "")
