"""Messages on a socket pair: four bytes of length, then the pickled message.

Both ends are this program, joined by a socket that has no name, so what arrives was written by ourselves.
"""

from __future__ import annotations

import pickle
import socket
from asyncio import IncompleteReadError, StreamReader
from typing import cast

from kinolog_worker.inference.messages import Answer, Command

_LENGTH_BYTES = 4


def packed(message: Answer | Command) -> bytes:
    """A message as it travels."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def read_answer(reader: StreamReader) -> Answer | None:
    """The next message of the inference process, or None when it is gone."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
        body = await reader.readexactly(length)
    except (IncompleteReadError, ConnectionError):
        return None
    return cast(Answer, pickle.loads(body))  # noqa: S301 - written by our own child


def read_command(connection: socket.socket) -> Command | None:
    """The next message of the supervisor, or None when it is gone."""
    header = _exactly(connection, _LENGTH_BYTES)
    body = header and _exactly(connection, int.from_bytes(header, "big"))
    return cast(Command, pickle.loads(body)) if body else None  # noqa: S301 - written by our own parent


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        try:
            part = connection.recv(count - len(parts))
        except ConnectionError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)
