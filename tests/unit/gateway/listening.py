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


class Listener:
    """What a client hears, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard: list[Json] = []

    async def say(self, **message: Any) -> None:
        """Send a message."""
        await self.socket.send(json.dumps(message))

    async def subscribe(self, channel: str, after: int | None = None) -> None:
        """Subscribe, and wait until it stands."""
        await self.say(type="subscribe", channel=channel, **({} if after is None else {"after": after}))
        await self.settle()

    async def settle(self) -> list[Json]:
        """Ping, and give what was heard until the pong."""
        await self.say(type="ping", id="settle")
        heard = []
        while (message := await self.hear())["type"] != "pong":
            heard.append(message)
        return heard

    async def hear(self) -> Json:
        """The next message."""
        async with asyncio.timeout(WAIT_SECONDS):
            text = await self.socket.recv()
        assert isinstance(text, str)
        message: Json = json.loads(text)
        self.heard.append(message)
        return message

    async def hear_type(self, kind: str) -> Json:
        """The next message of a type."""
        while (message := await self.hear())["type"] != kind:
            pass
        return message

    async def hear_until(self, position: int) -> list[Json]:
        """All messages up to the commit at a position."""
        heard = [await self.hear()]
        while not (heard[-1]["position"] >= position and commits(heard[-1:])):
            heard.append(await self.hear())
        return heard


def commits(messages: list[Json]) -> list[Json]:
    """Those that tell of a commit, or of a job as it stands."""
    return [message for message in messages if (message.get("data") or {}).get("job") is not None]


def positions(messages: list[Json]) -> list[int]:
    """Positions of the commits among messages."""
    return [message["position"] for message in commits(messages)]


@asynccontextmanager
async def listening(url: str, **headers: str) -> AsyncIterator[Listener]:
    """A connected client."""
    async with connect(url, additional_headers=headers, compression=None, max_queue=None) as socket:
        yield Listener(socket)
