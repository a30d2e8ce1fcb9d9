"""uvicorn's WebSocket protocol, with a limit on how long a client may leave sent bytes unread.

Closing waits until earlier bytes are read. Without this limit a connected client that never reads keeps its socket
open without end; with it the kernel closes the connection.
"""

from __future__ import annotations

import contextlib
import socket
from asyncio.transports import BaseTransport

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

UNREAD_SECONDS = 60


class LiveProtocol(WebSocketsSansIOProtocol):
    """The protocol of /ws."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Set how long sent bytes may stay unread, on platforms that can."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
