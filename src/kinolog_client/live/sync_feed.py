"""Runs a live flow, blocking."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack, suppress
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from kinolog_client.errors import GatewayError
from kinolog_client.http.sync_transport import SyncTransport
from kinolog_client.live.connection import connect_options, loss_text
from kinolog_client.live.flow import LiveFlow
from kinolog_client.live.steps import (
    Call,
    Connect,
    ConnectionLost,
    Delay,
    Disconnect,
    Emit,
    LiveEvent,
    Receive,
    Step,
    Transmit,
)


class SyncLiveFeed:
    """Live events of one flow, in the caller's thread."""

    def __init__(self, transport: SyncTransport, flow: LiveFlow) -> None:
        self._transport = transport
        self._flow = flow
        self._open = ExitStack()
        """Closes the connection."""
        self._socket: ClientConnection | None = None

    def events(self) -> Generator[LiveEvent, None, None]:
        """Yield the events of the flow. Raises `GatewayError`."""
        flow = self._flow.run()
        result: Any = None
        error: Exception | None = None
        try:
            while True:
                try:
                    step = flow.send(result) if error is None else flow.throw(error)
                except StopIteration:
                    return
                result, error = None, None
                if isinstance(step, Emit):
                    yield step.event
                    continue
                try:
                    result = self._perform(step)
                except GatewayError as failure:
                    error = failure
                except (WebSocketException, OSError, ValueError, ImportError) as failure:
                    error = ConnectionLost(loss_text(failure))
        finally:
            flow.close()
            self._disconnect()

    def _perform(self, step: Step) -> Any:
        match step:
            case Connect(seconds=seconds):
                endpoint = self._transport.endpoint
                self._socket = self._open.enter_context(
                    connect(endpoint.ws_url, **connect_options(endpoint, seconds))
                )
            case Disconnect():
                self._disconnect()
            case Transmit(text=text):
                self._connection.send(text)
            case Receive(seconds=seconds):
                with suppress(TimeoutError):
                    return self._connection.recv(timeout=seconds)
            case Call(operation=operation):
                return self._transport.send(operation)
            case Delay(seconds=seconds):
                time.sleep(seconds)
        return None

    @property
    def _connection(self) -> ClientConnection:
        if self._socket is None:
            raise ConnectionError("the connection is not open")
        return self._socket

    def _disconnect(self) -> None:
        self._socket = None
        with suppress(WebSocketException, OSError):
            self._open.close()
