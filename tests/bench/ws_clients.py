"""Many WebSocket clients in one process: `python -m tests.bench.ws_clients URL CLIENTS`.

Each subscribes to all jobs. After the line `ready`, every line read from standard input is answered with the number
of messages that all of them have received so far.
"""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop
from websockets.asyncio.client import ClientConnection, connect

AT_ONCE = 20
SUBSCRIBE = json.dumps({"type": "subscribe", "channel": "jobs"})
PING = json.dumps({"type": "ping", "id": "bench"})


class Clients:
    """The clients, and the number of messages that they have received."""

    def __init__(self, url: str) -> None:
        self.received = 0
        self._url = url
        self._receiving: list[asyncio.Task[None]] = []
        self._connecting = asyncio.Semaphore(AT_ONCE)

    async def join(self) -> None:
        """Connect one client, subscribe it, and let it receive in the background."""
        async with self._connecting:
            connection = await connect(self._url, compression=None, open_timeout=60, ping_interval=None)
            await connection.send(SUBSCRIBE)
            await connection.send(PING)
            while json.loads(await connection.recv())["type"] != "pong":
                pass
        self._receiving.append(asyncio.create_task(self._receive(connection)))

    async def _receive(self, connection: ClientConnection) -> None:
        while True:
            await connection.recv()
            self.received += 1


async def run(url: str, count: int) -> None:
    """Answer the lines of standard input until it ends."""
    clients = Clients(url)
    await asyncio.gather(*(clients.join() for _ in range(count)))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while await reader.readline():
        sys.stdout.write(f"{clients.received}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], int(sys.argv[2])))
