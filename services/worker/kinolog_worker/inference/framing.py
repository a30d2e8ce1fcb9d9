"""Framing of messages on a socket pair: four bytes of length, then the pickled message.

Both ends are this program, joined by a socket without a name, so that no other program can write to it.
"""

from __future__ import annotations

import pickle
import socket
from asyncio import IncompleteReadError, StreamReader
from typing import cast

from kinolog_worker.inference.messages import Answer, Command

_LENGTH_BYTES = 4


def framed(message: Answer | Command) -> bytes:
    """Return a message with its length in front."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def read_answer(reader: StreamReader) -> Answer | None:
    """Return the next message of the inference process. Return None when the connection is closed."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
        body = await reader.readexactly(length)
    except (IncompleteReadError, ConnectionError):
        return None
    return cast(Answer, pickle.loads(body))  # noqa: S301 - written by our own child


def read_command(connection: socket.socket) -> Command | None:
    """Return the next message of the supervisor. Return None when the connection is closed."""
    header = _read_exactly(connection, _LENGTH_BYTES)
    body = header and _read_exactly(connection, int.from_bytes(header, "big"))
    return cast(Command, pickle.loads(body)) if body else None  # noqa: S301 - written by our own parent


def _read_exactly(connection: socket.socket, count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        try:
            chunk = connection.recv(count - len(data))
        except ConnectionError:
            return None
        if not chunk:
            return None
        data += chunk
    return bytes(data)
