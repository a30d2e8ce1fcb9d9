"""uvicorn's WebSocket protocol, which gives up connections that take nothing any more.

Closing waits until what was written before is taken. A client that is connected but never reads would so keep its
socket for ever; with this limit the kernel ends the connection.
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
        """Limit how long sent bytes may stay unread, where the platform can."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
