"""A receiver of webhooks on this machine, and webhooks that call it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from standardwebhooks.webhooks import Webhook as Verifier

from kinolog.webhooks.address import AddressRules

RULES = AddressRules(allow_http=True, networks=(ip_network("127.0.0.0/8"),))


@dataclass(slots=True)
class WebhookReceiver:
    """What arrived. `answer` returns the status for a call."""

    port: int = 0
    answer: Callable[[dict[str, str]], int] = lambda headers: 204
    calls: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    """Path, headers and body of each call."""
    accepted: list[str] = field(default_factory=list)
    """Ids of the messages that were accepted."""

    def address(self, path: str = "/hook") -> str:
        """Return an address of it."""
        return f"http://127.0.0.1:{self.port}{path}"

    def messages(self, path: str = "/hook") -> list[dict[str, Any]]:
        """Return the messages that arrived at a path."""
        return [json.loads(body) for at, _, body in self.calls if at == path]

    def verify(self, secret: str, call: int = 0) -> None:
        """Verify a call as receivers do. Raises `WebhookVerificationError`."""
        _, headers, body = self.calls[call]
        Verifier(secret).verify(body, headers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the calls of a connection."""
        try:
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:-2])
                }
                body = (await reader.readexactly(int(headers["content-length"]))).decode()
                self.calls.append((lines[0].split()[1], headers, body))
                status = self.answer(headers)
                if 200 <= status < 300:
                    self.accepted.append(headers["webhook-id"])
                writer.write(f"HTTP/1.1 {status} -\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def webhook_receiver() -> AsyncIterator[WebhookReceiver]:
    """Listen on a port of this machine."""
    receiver = WebhookReceiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
