"""Options and error texts of the WebSocket, the same for both loops."""

from __future__ import annotations

from ssl import SSLContext
from typing import Any

from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from kinolog_client.endpoint import Endpoint

MOST_MESSAGE_BYTES = 4 << 20
WAITING_MESSAGES = 16
"""Messages that wait for a slow caller. When it is full the gateway conflates, and finally closes the connection."""


def connect_options(endpoint: Endpoint, open_seconds: float) -> dict[str, Any]:
    """Return the arguments of `connect`, the same in both flavours of websockets."""
    return {
        "additional_headers": endpoint.headers,
        "compression": None,
        "open_timeout": open_seconds,
        "close_timeout": 1.0,
        "max_size": MOST_MESSAGE_BYTES,
        "max_queue": WAITING_MESSAGES,
        **({"ssl": endpoint.trust} if isinstance(endpoint.trust, SSLContext) else {}),
        "proxy": True if endpoint.uses_environment else None,
    }


def loss_text(error: Exception) -> str:
    """Return why a connection was lost."""
    if isinstance(error, InvalidStatus):
        return f"it answers HTTP {error.response.status_code}"
    if isinstance(error, ImportError):
        return "a SOCKS proxy needs `pip install python-socks` for live updates"
    if isinstance(error, ConnectionClosedOK):
        return "the connection ended"
    return str(error) or type(error).__name__
