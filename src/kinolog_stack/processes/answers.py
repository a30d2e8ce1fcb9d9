"""Whether a server of this machine answers at all, whatever the answer is."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

STEP_SECONDS = 0.25
"""How often a question that waits asks whether to wait on. Also how long a connection may take."""
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""The first message of a client of Postgres that would like encryption. Every server answers it with one letter."""

WaitOn = Callable[[], bool]
"""Called every `STEP_SECONDS` while a question has no answer. False gives the question up."""


def answers_http(url: str, wait_on: WaitOn) -> bool:
    """Return whether a server answers a request, whatever the answer is. One of https:// answers with its handshake."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return _answers(parts.hostname or "", parts.port or 443, _client_hello(), wait_on)
    request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
    return _answers(parts.hostname or "", parts.port or 80, request.encode("ascii"), wait_on)


def _client_hello() -> bytes:
    """Return the first message of a client of TLS."""
    sent = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody: no certificate is read
    handshake = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        handshake.do_handshake()
    return sent.read()


def answers_postgres(host: str, port: int, wait_on: WaitOn) -> bool:
    """Return whether Postgres answers a client. It needs no login, so a full or starting server answers too."""
    return _answers(host, port, _SSL_REQUEST, wait_on)


def _answers(host: str, port: int, message: bytes, wait_on: WaitOn) -> bool:
    """Return whether a byte comes back. One question waits for long: a late answer is an answer too."""
    try:
        with socket.create_connection((host, port), timeout=STEP_SECONDS) as connection:
            connection.sendall(message)
            while True:
                try:
                    return bool(connection.recv(1))
                except TimeoutError:
                    if not wait_on():
                        return False
    except OSError:
        return False
