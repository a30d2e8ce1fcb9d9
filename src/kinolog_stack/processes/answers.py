"""Whether a server of this machine answers at all, whatever the answer is."""

from __future__ import annotations

import http.client
import socket
import struct
from urllib.parse import urlsplit

ANSWER_SECONDS = 2.0
"""How long an answer may take."""
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""The first message of a client of Postgres that would like encryption. Every server answers it with one letter."""


def answers_http(url: str) -> bool:
    """Return whether a server answers a request, whatever the answer is."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        connection.getresponse().read(1)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def answers_postgres(host: str, port: int) -> bool:
    """Return whether Postgres answers a client. It needs no login, so a full or starting server answers too."""
    try:
        with socket.create_connection((host, port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(_SSL_REQUEST)
            return bool(connection.recv(1))
    except OSError:
        return False
