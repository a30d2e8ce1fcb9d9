"""The connection to NATS while servers fail."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionReconnectingError

from kinolog.adapters.jetstream.alarms import NatsAlarms
from kinolog.adapters.jetstream.client import connection as connection_module
from kinolog.adapters.jetstream.client.connection import Connection, _Transport, connect
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.settings import LogSettings
from tests.fixtures.waits import WAIT_SECONDS, until_true

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


@pytest.mark.parametrize("first", range(0, 120, 20))
async def test_a_close_at_any_moment_of_a_reconnect(monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    """A client that is closed in the first, second, ... step of the loop of a reconnect leaves no connection open."""
    monkeypatch.setattr(connection_module, "RECONNECT_SECONDS", 0)
    open_connections: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_connections.add(writer)
        with contextlib.suppress(OSError):
            writer.write(INFO)
            while line := await reader.readline():
                if line == b"PING\r\n":
                    writer.write(b"PONG\r\n")
        open_connections.remove(writer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for steps in range(first, first + 20):
            client = await connect(LogSettings(nats_url=f"nats://127.0.0.1:{port}"), Service.API)
            for writer in open_connections:
                writer.transport.abort()
            for _ in range(steps):
                await asyncio.sleep(0)
            await client.close()
            await until_true(lambda: not open_connections, f"no connection is open after {steps} steps")


async def test_a_server_that_does_not_read_keeps_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server has not read when its time is up is dropped together with the connection."""
    monkeypatch.setattr(connection_module, "CLOSE_SECONDS", 0.1)
    sent = 64 * 1_000_000
    closed = asyncio.Event()
    received: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO)
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n")
        await closed.wait()
        count = 0
        with contextlib.suppress(OSError):
            while block := await reader.read(1_000_000):
                count += len(block)
        received.set_result(count)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = await connect(LogSettings(nats_url=f"nats://127.0.0.1:{port}"), Service.API)
        for _ in range(64):
            await client.publish("subject", bytes(1_000_000))
        await client.close()
        closed.set()
        async with asyncio.timeout(WAIT_SECONDS):
            assert await received < sent


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


async def test_a_cancellation_that_arrives_with_the_answer_is_not_lost() -> None:
    """A request that is cancelled in the moment of its answer is cancelled, as is a flush at its pong."""
    client = Connection()
    client._resp_sub_prefix = bytearray(b"_INBOX.answers.")
    client._resp_map = {}
    client._status = Client.CONNECTED
    sent: asyncio.Queue[asyncio.Future[object] | None] = asyncio.Queue()

    async def publish(*_: object, **__: object) -> None:
        sent.put_nowait(None)

    async def send_ping(pong: asyncio.Future[object]) -> None:
        sent.put_nowait(pong)

    client.publish = publish  # type: ignore[method-assign]  # nothing is sent
    client._send_ping = send_ping  # type: ignore[method-assign, assignment]  # nothing is sent
    request = asyncio.create_task(client.request("subject", b"", timeout=WAIT_SECONDS))
    await sent.get()
    (answer,) = client._resp_map.values()
    answer.set_result(Msg(_client=client))
    request.cancel()
    flush = asyncio.create_task(client.flush())
    pong = await sent.get()
    assert pong is not None
    pong.set_result(None)
    flush.cancel()
    for task in (request, flush):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not client._resp_map


async def test_an_answer_to_a_cancelled_flush_does_not_end_the_connection() -> None:
    """The server may answer a ping after the flush that sent it has given up. The client goes on reading."""
    pinged, late = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO)
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n")
        await reader.readuntil(b"PING\r\n")
        pinged.set()
        await late.wait()
        writer.write(b"PONG\r\n")
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = await connect(LogSettings(nats_url=f"nats://127.0.0.1:{port}"), Service.API)
        flush = asyncio.create_task(client.flush())
        await pinged.wait()
        flush.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flush
        late.set()
        await client.flush()
        await client.close()


async def test_a_connection_that_cannot_be_opened_again_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the client gives up, the owner is called: a process without a log must not go on and look well."""

    async def fail(_: Client) -> None:
        raise LookupError("an error that the client does not know")

    monkeypatch.setattr(Client, "_attempt_reconnect", fail)
    client, lost = Connection(), asyncio.Event()
    client.on_lost = lost.set
    await client._attempt_reconnect()
    assert lost.is_set()


async def test_a_server_that_reads_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes go on without waiting while a server reads nothing, and pings find out that it does not answer."""
    monkeypatch.setattr(connection_module, "PING_SECONDS", 1)
    frozen, lost = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if frozen.is_set():
            lost.set()  # the client has given the first connection up
        writer.write(INFO)
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n")
        frozen.set()
        await lost.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, limit=4_096) as server:
        port = server.sockets[0].getsockname()[1]
        client = await connect(LogSettings(nats_url=f"nats://127.0.0.1:{port}"), Service.API)
        await frozen.wait()
        async with asyncio.timeout(WAIT_SECONDS):
            for _ in range(2_000):  # more than the sockets and the queue of the client hold
                await client.publish("subject", bytes(16_384))
                await asyncio.sleep(0)
            await lost.wait()
        await client.close()


async def test_a_connection_that_wrote_its_rest_and_closed_is_not_aborted() -> None:
    """Asyncio raises AttributeError then, in a close or at the beginning of a reconnect."""
    reads = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reads.wait()
        while await reader.read(1 << 20):
            pass
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        client = Connection()
        client._transport = _Transport()
        client._transport._io_writer = writer
        writer.write(bytes(50_000_000))  # more than sockets hold
        writer.close()
        reads.set()
        await until_true(lambda: writer.get_extra_info("socket").fileno() == -1, "the socket is closed")
        client._abort_transport()


async def test_a_program_that_is_no_server_is_reported() -> None:
    """What is at the address may say anything: `connect` raises `LogUnavailable`, whatever the client makes of it."""

    async def say_something(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_something, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(
            LogUnavailable, match=r"cannot connect to NATS at nats://127\.0\.0\.1.* as api"
        ) as refused:
            await connect(LogSettings(nats_url=f"nats://127.0.0.1:{port}"), Service.API)
        assert isinstance(refused.value.__cause__, ValueError)


async def test_alarms_on_a_closed_connection_are_refused() -> None:
    """A process that starts with a connection that is lost for good ends with one line, not with an unknown error."""
    client = Connection()
    client._status = Client.CLOSED
    alarms = NatsAlarms(client, "api")
    with pytest.raises(LogUnavailable, match="alarms cannot be subscribed to"):
        await alarms.open()
    await alarms.close()


async def test_a_flush_is_answered_behind_what_was_sent_before() -> None:
    """After the flush the server knows the subscription and has the message, so that no other client is earlier."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO)
        while line := await reader.readline():
            received.extend(line.split()[:1])
            if line == b"PING\r\n":
                writer.write(b"PONG\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = await connect(LogSettings(nats_url=f"nats://127.0.0.1:{port}"), Service.API)
        before = len(received)
        await client.subscribe("subject")
        await client.publish("subject", b"")
        await client.flush()
        assert received[before:] == [b"SUB", b"PUB", b"PING"]
        await client.close()


async def test_a_flush_of_a_lost_connection_fails_at_once() -> None:
    """A flush while the client connects again, or has not noticed yet that its socket is lost, fails."""
    client = Connection()

    async def send_ping(pong: asyncio.Future[object]) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    client._send_ping = send_ping  # type: ignore[method-assign, assignment]  # as uvloop answers a write
    for status in (Client.RECONNECTING, Client.CONNECTED):
        client._status = status
        with pytest.raises(ConnectionReconnectingError):
            await client.flush()
