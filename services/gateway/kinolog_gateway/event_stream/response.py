"""Server-sent events: the live updates of a fixed set of channels, as one HTTP response that does not end.

Each event has the JSON of a WebSocket message as data. Its id is what a browser sends as `Last-Event-ID` when it
connects again. The format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kinolog_gateway.http import grpc_errors
from kinolog_gateway.http.callers import Callers
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.live.channels import Channel
from kinolog_gateway.live.outgoing_message import MessageKind, OutgoingMessage
from kinolog_gateway.live.send_queue import SendQueue
from kinolog_gateway.live.session import CLOSE_SECONDS, run_session
from kinolog_gateway.live.subscriber import Subscriber
from kinolog_gateway.live.tenant_broadcasts import TenantBroadcasts

MEDIA_TYPE = "text/event-stream"
KEEP_ALIVE_SECONDS = 15.0
"""How often a stream without updates sends something. Proxies end connections that are silent for longer."""
START_SECONDS = 2.0
"""How long a stream waits for the api before it starts. A browser gives up a stream that is refused, for good."""
RETRY_MILLISECONDS = 1_000
"""How long a browser waits before it connects again."""
EVENT_ID_PATTERN = r"^[0-9]{1,19}(/[0-9]{1,19})?$"
_EVENT_ID = re.compile(EVENT_ID_PATTERN)


@dataclass(frozen=True, slots=True)
class EventId:
    """Where a client resumes: after a position of the log and, with log lines, after a sequence of theirs."""

    position: int | None = None
    sequence: int | None = None

    @classmethod
    def parse(cls, text: str) -> EventId:
        """Return the id that a stream sent, such as `1042` or `1042/17`. Raises ValueError."""
        if not _EVENT_ID.fullmatch(text):
            raise ValueError("must be the id of an event, such as 1042 or 1042/17")
        position, _, sequence = text.partition("/")
        return cls(int(position) or None, int(sequence) if sequence else None)

    def __str__(self) -> str:
        return str(self.position or 0) + ("" if self.sequence is None else f"/{self.sequence}")


class EventStreamResponse(Response):
    """Sends the updates of `channels` after `start` until the client leaves or the gateway ends the stream."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        broadcasts: TenantBroadcasts,
        callers: Callers,
        caller: HttpCaller,
        channels: Sequence[Channel],
        start: EventId,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._broadcasts = broadcasts
        self._callers = callers
        self._caller = caller
        self._channels = channels
        self._start = start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one client, or answer HEAD. Raises the problem of an api that refuses the caller, before it sends."""
        stream = _EventStream(self._broadcasts, self._caller, send)
        client = stream.client
        with self._broadcasts.connected(client):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(START_SECONDS):
                    await client.broadcast.wait_started()
            if client.broadcast.refusal is not None:
                raise grpc_errors.from_call(client.broadcast.refusal)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await stream.write("", more=False)
                return
            await stream.write(f"retry: {RETRY_MILLISECONDS}\n\n")
            close = await run_session(
                client, self._callers, _wait_until_left(receive), stream.run(self._channels, self._start)
            )
            self._broadcasts.remove_client(client)
            if close is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await stream.write(f": {close[1]}\n\n", more=False)


class _EventStream:
    """Writes the messages of one client as events."""

    def __init__(self, broadcasts: TenantBroadcasts, caller: HttpCaller, send: Send) -> None:
        self._send = send
        self.client = Subscriber(
            broadcasts.for_caller(caller), SendQueue(self._send_message, broadcasts.counts), caller
        )
        self.sequence: int | None = None
        """Sequence of the last log line that was sent, or None."""
        self._position = 0
        """The greatest position sent. A job's current state may be sent after newer commits of other jobs."""
        self._subscribed = False

    def event_id(self, position: int) -> EventId:
        """Return the id of an event with this position: it names the greatest one, as a browser keeps the last id."""
        self._position = max(self._position, position)
        return EventId(self._position, self.sequence)

    async def write(self, text: str, *, more: bool = True) -> None:
        """Send a piece of the response. Waits while the client does not read."""
        await self._send({"type": "http.response.body", "body": text.encode(), "more_body": more})

    async def run(self, channels: Sequence[Channel], start: EventId) -> None:
        """Subscribe, and send an id without an event at first and from time to time."""
        await self.client.broadcast.wait_started()
        for channel in channels:
            self.client.subscribe(channel, start.sequence if channel.kind == "logs" else start.position)
        self.sequence = start.sequence
        self._subscribed = True
        await self.write(f"id: {self.event_id(self.client.position)}\n\n")
        while True:
            await asyncio.sleep(KEEP_ALIVE_SECONDS)
            # An id while updates wait would be ahead of them.
            idle = self.client.send_queue.is_idle
            await self.write(f"id: {self.event_id(self.client.position)}\n\n" if idle else ": busy\n\n")

    async def _send_message(self, text: str, message: OutgoingMessage) -> None:
        if message.kind is MessageKind.LOG:
            self.sequence = message.sequence or self.sequence
        if self._subscribed and message.kind is MessageKind.REPLY and not self.client.subscriptions:
            # Nothing more can come. An empty id makes the browser start without one when it connects again.
            await self.write(f"id\ndata: {text}\n\n")
            self.client.request_close(1000, "no channel is left")
            return
        await self.write(f"id: {self.event_id(message.position)}\ndata: {text}\n\n")


async def _wait_until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
