"""The live feed: what happens to jobs, over one WebSocket that comes back by itself.

After a lost connection it subscribes again with the greatest position received, so that nothing is missed and no
commit is seen twice. Where no WebSocket is to be had, it asks REST again and again and says so; pages then read anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from kinolog_client.live_messages import Heard, LiveError, LogLineReceived, parse_live_message

OPEN_SECONDS = 5.0
GATHER_SECONDS = 0.4
"""Messages that come within this time are told together."""
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the feed is connected: `connecting`, `live`, `polling` (REST answers alone) or `offline`."""

    state: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class LiveUpdates:
    """What was heard in a moment, in order, with only the newest of progress and counts."""

    messages: tuple[Heard, ...]


@dataclass(frozen=True, slots=True)
class PollDue:
    """REST answers and nothing else does: read again what is shown."""


Told: TypeAlias = LinkState | LiveUpdates | PollDue


class LiveFeed:
    """What happens to jobs. `probe` says whether REST answers, by raising when it does not."""

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        probe: Callable[[], Awaitable[object]],
        pauses_seconds: tuple[float, ...] = PAUSES_SECONDS,
    ) -> None:
        self._address = _ws_address(url)
        self._headers = headers
        self._probe = probe
        self._pauses_seconds = pauses_seconds
        self._socket: ClientConnection | None = None
        self._watched: str | None = None
        self._line = 0
        self._again = asyncio.Event()
        self.position = 0
        """The greatest position received."""

    async def watch(self, job_id: str | None, line: int = 0) -> None:
        """Bring the log lines and pictures of this job too, lines after `line`; of none when None."""
        before, self._watched, self._line = self._watched, job_id, line
        if self._socket is None:
            return
        with contextlib.suppress(WebSocketException, OSError):
            if before is not None:
                for channel in (f"job:{before}", f"logs:{before}"):
                    await self._say(type="unsubscribe", channel=channel)
            await self._subscribe_job()

    def again(self) -> None:
        """Try to connect now instead of at the end of the pause."""
        self._again.set()

    async def told(self) -> AsyncIterator[Told]:
        """Everything that happens, for ever."""
        failures = 0
        yield LinkState("connecting")
        while True:
            lost = "the connection ended"
            try:
                async with connect(
                    self._address,
                    additional_headers=self._headers,
                    compression=None,
                    open_timeout=OPEN_SECONDS,
                    max_size=4 << 20,
                ) as socket:
                    await self._begin(socket)
                    failures = 0
                    yield LinkState("live")
                    async for batch in self._batches(socket):
                        yield batch
            except InvalidStatus as error:
                lost = f"it answers HTTP {error.response.status_code}"
            except (WebSocketException, OSError) as error:
                lost = str(error) or type(error).__name__
            finally:
                self._socket = None
            yield await self._fallen_back(lost)
            yield PollDue()
            await self._pause(failures)
            failures += 1

    async def _begin(self, socket: ClientConnection) -> None:
        self._socket = socket
        for channel in ("jobs", "queue"):
            await self._say(type="subscribe", channel=channel, **self._after())
        await self._subscribe_job()

    async def _subscribe_job(self) -> None:
        if self._watched is not None:
            line = {"after": self._line} if self._line else {}
            await self._say(type="subscribe", channel=f"job:{self._watched}", **self._after())
            await self._say(type="subscribe", channel=f"logs:{self._watched}", **line)

    def _after(self) -> Json:
        return {"after": self.position} if self.position else {}

    async def _say(self, **message: Any) -> None:
        if self._socket is not None:
            await self._socket.send(json.dumps(message))

    async def _batches(self, socket: ClientConnection) -> AsyncIterator[LiveUpdates]:
        """What the socket says, gathered; ends when the connection does."""
        waiting: list[Json] = []
        ready = asyncio.Event()
        reader = asyncio.create_task(self._read(socket, waiting, ready))
        try:
            while not (reader.done() and not waiting):
                await ready.wait()
                ready.clear()
                taken, waiting[:] = _newest(waiting), []
                messages = tuple(message for raw in taken if (message := parse_live_message(raw)) is not None)
                for message in messages:
                    await self._note(message)
                if messages:
                    yield LiveUpdates(messages)
                if not reader.done():
                    await asyncio.wait([reader], timeout=GATHER_SECONDS)
            reader.result()
        finally:
            reader.cancel()

    async def _read(self, socket: ClientConnection, waiting: list[Json], ready: asyncio.Event) -> None:
        try:
            async for text in socket:
                raw = json.loads(text)
                if isinstance(raw, dict):
                    waiting.append(raw)
                    ready.set()
        finally:
            ready.set()

    async def _note(self, message: Heard) -> None:
        if isinstance(message, LiveError) and message.reason == "POSITION_AHEAD":
            self.position = 0  # the log was replaced
            if message.channel is not None:
                await self._say(type="subscribe", channel=message.channel)
            return
        self.position = max(self.position, message.position)
        if isinstance(message, LogLineReceived) and message.job_id == self._watched:
            self._line = max(self._line, message.line.sequence)

    async def _fallen_back(self, lost: str) -> LinkState:
        try:
            await self._probe()
        except Exception as error:  # whatever it is, the server is not to be had now
            return LinkState("offline", str(error) or lost)
        return LinkState("polling", lost)

    async def _pause(self, failures: int) -> None:
        seconds = self._pauses_seconds[min(failures, len(self._pauses_seconds) - 1)]
        self._again.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._again.wait(), seconds)


def _newest(messages: list[Json]) -> list[Json]:
    """Without progress, pictures and counts that a later message of their kind replaces."""
    kept: list[Json] = []
    seen: set[tuple[str, str]] = set()
    for message in reversed(messages):
        kind, data = str(message.get("type")), message.get("data") or {}
        passing = kind in ("queue_updated", "job_preview") or (
            kind == "job_status_update" and not data.get("events") and data.get("job") is None
        )
        key = (kind, str(message.get("job_id") or ""))
        if passing and key in seen:
            continue
        if passing:
            seen.add(key)
        kept.append(message)
    return kept[::-1]


def _ws_address(url: str) -> str:
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/ws", "", ""))
