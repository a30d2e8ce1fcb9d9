"""A TCP relay to a gateway that treats WebSocket connections badly on request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Container

REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
CHUNK_BYTES = 1 << 16


class UnreliableNetwork:
    """Relays connections. `live` is the fate of each new WebSocket: `works`, `refused`, `broken` or `silent`.

    Broken ones end after the handshake; silent ones stay open, but transmit nothing.
    """

    def __init__(self, port: int) -> None:
        self.live = "works"
        self.cut_after_bytes: int | None = None
        """The next connection of REST breaks off before so many bytes are answered."""
        self.handshakes = 0
        self._target = port
        self._server: asyncio.Server | None = None
        self._port = 0
        self._muted: set[asyncio.StreamWriter] = set()
        self._live_writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address of the relay."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen; again on the same port after a stop."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse every connection, and break those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut_live(self) -> None:
        """Break the WebSockets that are open."""
        for writer in list(self._live_writers):
            writer.transport.abort()

    def mute_live(self) -> None:
        """Drop everything that the gateway sends over the open WebSockets."""
        self._muted |= self._live_writers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._relay(reader, writer)
        except asyncio.CancelledError:
            pass  # the network is down
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        is_live = head.startswith(b"GET /ws ")
        self.handshakes += is_live
        if is_live and self.live == "refused":
            writer.write(REFUSED)
            await writer.drain()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        mode = self.live if is_live else "works"
        if is_live:
            self._live_writers.add(writer)
        try:
            far_writer.write(head)
            if mode != "works":
                writer.write(await far_reader.readuntil(b"\r\n\r\n"))
                await writer.drain()
            if mode == "broken":
                return
            if mode == "silent":
                self._muted.add(writer)
            limit, self.cut_after_bytes = self.cut_after_bytes, None
            async with asyncio.TaskGroup() as group:
                up = group.create_task(_copy(reader, far_writer))
                await _copy(far_reader, writer, self._muted, None if is_live else limit)
                up.cancel()
        except* OSError:
            pass  # one of them is gone
        finally:
            self._live_writers.discard(writer)
            far_writer.transport.abort()


async def _copy(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    muted: Container[asyncio.StreamWriter] = (),
    limit: int | None = None,
) -> None:
    """Copy bytes to their end; drop those for a muted writer."""
    copied = 0
    while chunk := await reader.read(CHUNK_BYTES):
        copied += len(chunk)
        if limit is not None and copied > limit:
            return
        if writer not in muted:
            writer.write(chunk)
            await writer.drain()
