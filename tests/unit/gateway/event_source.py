"""A client of server-sent events for tests: it reads as a browser's EventSource does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.unit.gateway.ws_client import WAIT_SECONDS, Json


class EventSource:
    """Reads one stream: its events, and the id with which a browser would resume."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last_event_id = ""
        self.received: list[Json] = []
        self._lines = response.aiter_lines()

    async def receive(self) -> Json:
        """Return the data of the next event. Raises StopAsyncIteration at the end of the stream."""
        data: list[str] = []
        while True:
            async with asyncio.timeout(WAIT_SECONDS):
                line = await anext(self._lines)
            name, _, value = line.partition(":")
            if name == "id":
                self.last_event_id = value.removeprefix(" ")
            elif name == "data":
                data.append(value.removeprefix(" "))
            elif not line and data:
                message: Json = json.loads("\n".join(data))
                self.received.append(message)
                return message

    async def started(self) -> None:
        """Read the id with which the stream starts."""
        while not self.last_event_id:
            async with asyncio.timeout(WAIT_SECONDS):
                line = await anext(self._lines)
            if line.startswith("id: "):
                self.last_event_id = line[4:]

    async def receive_until(self, position: int) -> list[Json]:
        """Return all messages up to the first with this position or a greater one."""
        received = [await self.receive()]
        while received[-1]["position"] < position:
            received.append(await self.receive())
        return received


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient,
    *channels: str,
    last_event_id: str = "",
    authorization: str = "",
    **parameters: Any,
) -> AsyncIterator[EventSource]:
    """A stream of channels, which was accepted."""
    sent = {"Last-Event-ID": last_event_id, "Authorization": authorization}
    headers = {name: value for name, value in sent.items() if value}
    query = {"channel": list(channels), **parameters}
    async with client.stream("GET", "/api/v1/live", params=query, headers=headers) as response:
        if response.status_code != 200:
            await response.aread()
            raise AssertionError(response.text)
        yield EventSource(response)
