"""uvicorn's HTTP protocol, with deadlines for requests and a limit of connections.

uvicorn waits for a request without end, and keeps what a client has sent of it. Here the head must be complete in time,
and the body must not stall. A connection beyond a limit is answered at once and closed.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from functools import partial
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from kinolog_gateway.http.edge.connection_limits import ConnectionLimits
from kinolog_gateway.http.problems import MEDIA_TYPE, Problem, make_problem

LEAST_BODY_BYTES = 1_024
"""A body of which fewer bytes arrive in the time for a part of it stalls."""
TOO_MANY = make_problem(
    503, "TOO_MANY_CONNECTIONS", "too many connections are open; close some, or try again later"
)
STALLED = make_problem(408, "REQUEST_STALLED", "the request did not arrive in time; send it again")


class Awaited(Enum):
    """What a connection waits for."""

    HEAD = "the head of a request"
    BODY = "more of its body"
    UNWANTED_BODY = "the rest of a body whose request is answered"


class BoundedProtocol(H11Protocol):
    """The protocol of HTTP."""

    limits: ClassVar[ConnectionLimits]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._counted: str | None = None
        """What the limits count, and release."""
        self._awaited: Awaited | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._arrived_bytes = 0
        """Since the deadline was set."""
        self._is_upgraded = False

    def connection_made(self, transport: Any) -> None:
        """Count the connection and wait for a request, or refuse it."""
        super().connection_made(transport)
        self._counted = self.limits.take(self.client[0] if self.client else "")
        if self._counted is None:
            self._end(TOO_MANY)
        else:
            self._set_deadline(Awaited.HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the connection."""
        self._set_deadline(None)
        self._release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrived, and wait for what is missing."""
        self._arrived_bytes += len(data)
        super().data_received(data)
        self._await_next()

    def on_response_complete(self) -> None:
        """Wait for what is missing of this request, or of the next one."""
        super().on_response_complete()
        self._await_next()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over. It counts until it ends."""
        self._is_upgraded = True
        self._set_deadline(None)
        super().handle_websocket_upgrade(event)
        protocol: Any = self.transport.get_protocol()
        protocol.on_lost = self._release

    def _release(self) -> None:
        if self._counted is not None:
            self.limits.release(self._counted)
            self._counted = None

    def _await_next(self) -> None:
        """Set the deadline of what is awaited now, unless it runs already."""
        awaited = None
        if self.transport.is_closing() or self._is_upgraded:
            pass
        elif self.conn.their_state is h11.SEND_BODY:
            answered = self.cycle is None or self.cycle.response_complete
            awaited = Awaited.UNWANTED_BODY if answered else Awaited.BODY
        elif self.conn.their_state is h11.IDLE and (
            self.cycle is None or self.conn.trailing_data[0] or self.timeout_keep_alive_task is None
        ):
            awaited = Awaited.HEAD  # whatever arrives stops uvicorn's timer of an idle connection
        if awaited is not self._awaited:
            self._set_deadline(awaited)

    def _set_deadline(self, awaited: Awaited | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._awaited, self._arrived_bytes = awaited, 0
        if awaited is not None:
            seconds = self.limits.body_seconds if awaited is Awaited.BODY else self.limits.head_seconds
            self._deadline = self.loop.call_later(seconds, partial(self._on_deadline, awaited))

    def _on_deadline(self, awaited: Awaited) -> None:
        goes_on = self.flow.read_paused or self._arrived_bytes >= LEAST_BODY_BYTES
        if awaited is Awaited.BODY and goes_on:
            self._set_deadline(awaited)
        elif awaited is Awaited.HEAD and not self.conn.trailing_data[0]:
            self.transport.close()  # nobody asked anything
        else:
            self._end(STALLED)

    def _end(self, problem: Problem) -> None:
        """Answer with a problem, unless an answer has begun, and close the connection."""
        self._set_deadline(None)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = problem.model_dump_json(exclude_defaults=True).encode()
            headers = [
                ("content-type", MEDIA_TYPE),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            response = h11.Response(status_code=problem.status, reason=problem.title, headers=headers)
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def protocol_within(limits: ConnectionLimits) -> type[BoundedProtocol]:
    """Return the protocol with these limits, for all connections of a server."""
    return type("LimitedProtocol", (BoundedProtocol,), {"limits": limits})
