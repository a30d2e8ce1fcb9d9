"""Runs a live flow in an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.protocol import State

from kinolog_client.errors import GatewayError
from kinolog_client.http.async_transport import AsyncTransport
from kinolog_client.live.connection import connect_options, loss_text
from kinolog_client.live.flow import LiveFlow
from kinolog_client.live.session import LiveSession
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


class AsyncLiveFeed:
    """Live events of one flow, whose channels may change while it runs."""

    def __init__(self, transport: AsyncTransport, session: LiveSession, flow: LiveFlow) -> None:
        self._transport = transport
        self._session = session
        self._flow = flow
        self._socket: ClientConnection | None = None
        self._reconnect = asyncio.Event()

    @property
    def position(self) -> int | None:
        """The greatest position received. None before the first."""
        return self._session.position

    def reconnect_now(self) -> None:
        """End the pause before the next try."""
        self._reconnect.set()

    async def subscribe(self, channel: str, sequence: int | None = None) -> None:
        """Subscribe to another channel. For `logs:<id>`, `sequence` is that of the last known line."""
        self._session.subscribe(channel, sequence)
        await self._send_outgoing()

    async def unsubscribe(self, channel: str) -> None:
        """Unsubscribe from a channel."""
        self._session.unsubscribe(channel)
        await self._send_outgoing()

    async def events(self) -> AsyncGenerator[LiveEvent, None]:
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
                    result = await self._perform(step)
                except GatewayError as failure:
                    error = failure
                except (WebSocketException, OSError, ValueError, ImportError) as failure:
                    error = ConnectionLost(loss_text(failure))
        finally:
            flow.close()
            await self._disconnect()

    async def _perform(self, step: Step) -> Any:
        match step:
            case Connect(seconds=seconds):
                endpoint = self._transport.endpoint
                self._socket = await connect(endpoint.ws_url, **connect_options(endpoint, seconds))
            case Disconnect():
                self._reconnect.clear()  # a wish from now on, also during a read that hangs, ends the next pause
                await self._disconnect()
            case Transmit(text=text):
                await self._connection.send(text)
            case Receive(seconds=seconds):
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        return await self._connection.recv()
            case Call(operation=operation):
                return await self._transport.send(operation)
            case Delay(seconds=seconds):
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._reconnect.wait()
                return self._reconnect.is_set()
        return None

    async def _send_outgoing(self) -> None:
        """Send the queued messages. After a lost connection, the session queues its subscriptions again."""
        if self._socket is not None:
            with suppress(WebSocketException, OSError):
                for text in self._session.take_outgoing():
                    await self._socket.send(text)

    @property
    def _connection(self) -> ClientConnection:
        if self._socket is None:
            raise ConnectionError("the connection is not open")
        return self._socket

    async def _disconnect(self) -> None:
        """Close the connection. A cancellation meanwhile ends it at once: its other end may never answer."""
        socket, self._socket = self._socket, None
        if socket is None:
            return
        try:
            with suppress(WebSocketException, OSError):
                await socket.close()
        finally:
            if socket.state is not State.CLOSED:
                socket.transport.abort()
