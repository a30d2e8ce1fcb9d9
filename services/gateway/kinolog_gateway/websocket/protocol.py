"""uvicorn's WebSocket protocol, with limits on what a client sends, and on how long it may leave sent bytes unread.

Closing waits until earlier bytes are read. Without a limit a connected client that never reads keeps its socket open
without end; with it the kernel closes the connection. Every frame counts, for each costs time, and a ping an answer.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from asyncio.transports import BaseTransport
from collections.abc import Callable

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.protocol import OPEN

from kinolog.process.logs import fields

logger = logging.getLogger(__name__)

UNREAD_SECONDS = 60
FRAMES_PER_SECOND = 100.0
"""Frames of a client: messages, their parts, pings and pongs."""
FRAMES_AT_ONCE = 2_000
"""Frames that it may send faster, such as its subscriptions when it connects. They are earned back at that rate."""
PARTS_OF_A_MESSAGE = 128
TOO_MANY_FRAMES = f"too many messages: send at most {FRAMES_PER_SECOND:.0f} a second"
TOO_MANY_PARTS = f"a message has at most {PARTS_OF_A_MESSAGE} parts"


class LiveProtocol(WebSocketsSansIOProtocol):
    """The protocol of /ws."""

    on_lost: Callable[[], None] | None = None
    """Called when the connection has ended."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Set how long sent bytes may stay unread, on platforms that can."""
        super().connection_made(transport)
        self._frames_left = float(FRAMES_AT_ONCE)
        self._counted_at = self.loop.time()
        connection = transport.get_extra_info("socket")
        if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who counts connections."""
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def handle_text(self, event: Frame) -> None:
        """Take a message, or its first part."""
        if self._is_taken():
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        """Take a message of bytes, or its first part."""
        if self._is_taken():
            super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        """Take a part of a message. Empty parts do not count as its bytes, so their number has a limit."""
        if len(self.frames) >= PARTS_OF_A_MESSAGE:
            self._refuse(TOO_MANY_PARTS)
        elif self._is_taken():
            super().handle_cont(event)

    def handle_ping(self) -> None:
        """Send the answer to a ping."""
        if self._is_taken():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Take the answer to a ping."""
        if self._is_taken():
            super().handle_pong(event)

    def _is_taken(self) -> bool:
        """Count a frame and return whether the client may send it. Close the connection if it may not."""
        now = self.loop.time()
        earned = (now - self._counted_at) * FRAMES_PER_SECOND
        self._counted_at = now
        self._frames_left = min(self._frames_left + earned, float(FRAMES_AT_ONCE)) - 1.0
        if self._frames_left < 0.0:
            self._refuse(TOO_MANY_FRAMES)
        return self._frames_left >= 0.0

    def _refuse(self, reason: str) -> None:
        """Close the connection, whatever the client still sends."""
        if self.transport.is_closing():
            return
        logger.info(
            "closing a live client", extra=fields("live_close", code=CloseCode.POLICY_VIOLATION, why=reason)
        )
        self.stop_keepalive()
        if self.conn.state is OPEN:
            self.conn.fail(CloseCode.POLICY_VIOLATION, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.POLICY_VIOLATION})
        self.transport.close()

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message. A refusal completes a handshake, which uvicorn would log as an error of the application."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def shutdown(self) -> None:
        """Close the connection when the server stops.

        uvicorn's method raises for a connection that the client is closing, and leaves those after it open.
        """
        if self.handshake_complete and not self.close_sent and self.conn.state is not OPEN:
            self.stop_keepalive()
            self.transport.close()
        else:
            super().shutdown()
