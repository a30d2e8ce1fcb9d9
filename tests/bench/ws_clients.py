"""Many WebSocket clients in one process: `python -m tests.bench.ws_clients URL CLIENTS [--latency]`.

Each subscribes to all jobs. After the line `ready`, every line read from standard input is answered with the number
of messages that all of them have received so far. With `--latency` the answer is JSON: also the percentiles of the
milliseconds from the creation of a job to the receipt of its first commit.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from tests.bench.figures import percentile

ROOT = Path(__file__).parents[2]
AT_ONCE = 20
SUBSCRIBE = json.dumps({"type": "subscribe", "channel": "jobs"})
PING = json.dumps({"type": "ping", "id": "bench"})


class Clients:
    """The clients, and the number of messages that they have received."""

    def __init__(self, url: str, *, measures: bool) -> None:
        self.measures = measures
        self.received = 0
        self.latencies: list[float] = []
        self._created: dict[str, float] = {}
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
            text = await connection.recv()
            self.received += 1
            if self.measures:
                self._note(str(text), time.time())

    def _note(self, text: str, now: float) -> None:
        """Note how long a message took. Clients get the same text, so it is parsed once."""
        created = self._created.get(text)
        if created is None:
            job = (json.loads(text).get("data") or {}).get("job")
            created = datetime.fromisoformat(job["created_at"]).timestamp() if job else now
            self._created = {text: created}
        self.latencies.append(1_000 * (now - created))

    def report(self) -> str:
        """Return what has been received so far."""
        if not self.measures:
            return str(self.received)
        p50, p99 = (percentile(self.latencies, share) for share in (0.5, 0.99))
        return json.dumps({"received": self.received, "p50": p50, "p99": p99})


async def run(url: str, count: int, *, measures: bool) -> None:
    """Answer the lines of standard input until it ends."""
    clients = Clients(url, measures=measures)
    await asyncio.gather(*(clients.join() for _ in range(count)))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while await reader.readline():
        sys.stdout.write(f"{clients.report()}\n")
        sys.stdout.flush()


@asynccontextmanager
async def clients_process(
    url: str, count: int, *options: str
) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Run this module as a process for the duration of the block. Yield what returns its report when called."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, url, str(count), *options),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None
    try:
        if (line := await stdout.readline()) != b"ready\n":
            raise RuntimeError(f"the clients could not connect: {line!r}")

        async def report() -> bytes:
            stdin.write(b"\n")
            return await stdout.readline()

        yield report
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], int(sys.argv[2]), measures="--latency" in sys.argv))
