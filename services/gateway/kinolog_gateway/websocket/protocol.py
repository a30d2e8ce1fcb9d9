"""uvicorn's WebSocket protocol, with a limit on how long a client may leave sent bytes unread.

Closing waits until earlier bytes are read. Without this limit a connected client that never reads keeps its socket
open without end; with it the kernel closes the connection.
"""

from __future__ import annotations

import contextlib
import socket
from asyncio.transports import BaseTransport
from collections.abc import Callable

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

UNREAD_SECONDS = 60


class LiveProtocol(WebSocketsSansIOProtocol):
    """The protocol of /ws."""

    on_lost: Callable[[], None] | None = None
    """Called when the connection has ended."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Set how long sent bytes may stay unread, on platforms that can."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who counts connections."""
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

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
