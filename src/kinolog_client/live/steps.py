"""The steps that a live flow has its loop perform, and the events that it emits.

A flow is a generator: it yields a step, and is sent the step's result. It does no input or output itself, so that one
flow serves the blocking client and the client of an event loop.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from kinolog_client.errors import GatewayError
from kinolog_client.http.operation import Operation
from kinolog_client.live.updates import LiveUpdate

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class LinkState:
    """The state of the connection: `connecting`, `live` (WebSocket), `polling` (REST) or `offline` (neither).

    `cause` is why the connection is not live; `error` is the error of REST while offline.
    """

    state: str
    cause: str = ""
    error: GatewayError | None = None


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message of the WebSocket, as JSON. `parse_update` makes it an update."""

    message: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PollDue:
    """The connection is not live: a screen should load again what it shows."""


LiveEvent: TypeAlias = LinkState | MessageReceived | PollDue | LiveUpdate


class ConnectionLost(Exception):
    """Thrown into a flow in place of a result: the connection failed, ended, or is silent."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Open the WebSocket, within `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the WebSocket, if it is open."""


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send a message."""

    text: str


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for a message. The result is its text; None after `seconds` without one."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """Perform an operation of REST. The result is that of the operation; a `GatewayError` is thrown."""

    operation: Operation[Any]


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait for `seconds`. The result is true if the caller ended the pause, to connect at once."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit:
    """Yield an event to the caller."""

    event: LiveEvent


Step: TypeAlias = Connect | Disconnect | Transmit | Receive | Call | Delay | Emit
Flow: TypeAlias = Generator[Step, Any, R]
