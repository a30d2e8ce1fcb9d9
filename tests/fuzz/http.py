"""A client of HTTP/1.1 that sends any bytes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

ANSWER_SECONDS = 60.0
HEAD_LIMIT = 256 * 1024


@dataclass(frozen=True, slots=True)
class RawResponse:
    """Status of a response, and its body unless it is a stream."""

    status: int
    body: bytes


class RawHttp:
    """One connection, opened again when it has ended."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        if split.hostname is None or split.port is None:
            raise ValueError("the address needs a host and a port")
        self._address = split.hostname, split.port
        self.host = f"{split.hostname}:{split.port}"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(
        self, raw: bytes, method: str = "GET", seconds: float = ANSWER_SECONDS
    ) -> RawResponse | None:
        """Send the bytes of a request and read the response; None without one, or when the server closes."""
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(raw, method)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            self.close()
            return None

    async def _exchange(self, raw: bytes, method: str) -> RawResponse:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address, limit=HEAD_LIMIT)
        reader, writer = self._streams
        writer.write(raw)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        body = b""
        if headers.get("content-type", "").startswith("text/event-stream"):
            self.close()
        elif method != "HEAD" and status not in (204, 304):
            body = await self._body(reader, headers)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return RawResponse(status, body)

    async def _body(self, reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            return await reader.readexactly(int(headers.get("content-length", "0")))
        parts = []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            parts.append((await reader.readexactly(size + 2))[:-2])
        await reader.readexactly(2)
        return b"".join(parts)

    def close(self) -> None:
        """End the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
