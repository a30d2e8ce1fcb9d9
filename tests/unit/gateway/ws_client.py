"""A WebSocket client for tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

WAIT_SECONDS = 60
Json = dict[str, Any]


class WsClient:
    """Sends messages and records the received ones in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.received: list[Json] = []

    async def send(self, **message: Any) -> None:
        """Send a message."""
        await self.socket.send(json.dumps(message))

    async def subscribe(self, channel: str, after: int | None = None) -> None:
        """Subscribe, and wait until the gateway has carried it out."""
        await self.send(type="subscribe", channel=channel, **({} if after is None else {"after": after}))
        await self.settle()

    async def settle(self) -> list[Json]:
        """Ping, and return the messages received before the pong."""
        await self.send(type="ping", id="settle")
        received = []
        while (message := await self.receive())["type"] != "pong":
            received.append(message)
        return received

    async def receive(self) -> Json:
        """Return the next message."""
        async with asyncio.timeout(WAIT_SECONDS):
            text = await self.socket.recv()
        assert isinstance(text, str)
        message: Json = json.loads(text)
        self.received.append(message)
        return message

    async def receive_type(self, kind: str) -> Json:
        """Return the next message of a type."""
        while (message := await self.receive())["type"] != kind:
            pass
        return message

    async def receive_until(self, position: int) -> list[Json]:
        """Return all messages up to the commit at a position."""
        received = [await self.receive()]
        while not (received[-1]["position"] >= position and commits(received[-1:])):
            received.append(await self.receive())
        return received

    async def receive_all(self) -> None:
        """Receive until the connection ends. Raises websockets.exceptions.ConnectionClosed."""
        while True:
            await self.receive()


def commits(messages: list[Json]) -> list[Json]:
    """Return the messages of a commit or of a job's current state."""
    return [message for message in messages if (message.get("data") or {}).get("job") is not None]


def positions(messages: list[Json]) -> list[int]:
    """Return the positions of the commits among messages."""
    return [message["position"] for message in commits(messages)]


@asynccontextmanager
async def connected(url: str, **headers: str) -> AsyncIterator[WsClient]:
    """A connected client."""
    async with connect(url, additional_headers=headers, compression=None, max_queue=None) as socket:
        yield WsClient(socket)
