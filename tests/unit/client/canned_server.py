"""An HTTP server with one answer to everything, for answers that a gateway does not give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def canned_server(status: int, content: bytes, refusals: int = 0, **headers: str) -> AsyncIterator[str]:
    """Serve one answer; yield the address. `_` in a header's name stands for `-`. Status 0 never answers.

    Before it come `refusals` of requests that were too early.
    """
    lines = [f"HTTP/1.1 {status} Canned", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    open_writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.append(writer)
        early = len(open_writers) <= refusals
        await reader.readuntil(b"\r\n\r\n")
        if early:
            writer.write(
                b"HTTP/1.1 429 Early\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            writer.close()
        elif status:
            writer.write("\r\n".join([*lines, "", ""]).encode() + content)
            await writer.drain()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in open_writers:
            writer.transport.abort()
