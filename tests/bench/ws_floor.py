"""A bare WebSocket server that broadcasts one message, ten times a second.

`python -m tests.bench.ws_floor [HERTZ]`: another number of times a second. The message tells when it was made.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from kinolog.process import ready_line
from tests.bench.pace import beats

HERTZ = 10.0
PONG = '{"type":"pong","position":1,"data":{"id":"bench"}}'
MESSAGE = (
    '{"type":"job_status_update","position":1042,"job_id":"abcdefghijklmnopqrstuvwxyz","data":{"status":"processing",'
    '"percent":41.5,"stage":"denoise","scene":0,"scenes":2,"step":9,"steps":20,"attempt":1,"worker":"ada-1",'
    '"queue_position":null,"eta_seconds":12.4,"at":"2026-11-22T15:00:00.123456Z","stages":[{"stage":"denoise",'
    '"scene":0,"percent":45.0,"started_at":"2026-11-22T14:59:00.123456Z","seconds":null}],"events":[],"job":{"created_at":"%s"}}}'
)


async def run(hertz: float) -> None:
    """Serve until killed."""
    connections: set[ServerConnection] = set()

    async def client(connection: ServerConnection) -> None:
        connections.add(connection)
        try:
            async for message in connection:
                if '"ping"' in str(message):
                    await connection.send(PONG)
        finally:
            connections.discard(connection)

    async with serve(client, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        ready_line.announce("ws_floor", url=f"ws://127.0.0.1:{port}")
        async for _ in beats(hertz):
            broadcast(connections, MESSAGE % datetime.now(UTC).isoformat())


if __name__ == "__main__":
    uvloop.run(run(float(sys.argv[1]) if len(sys.argv) > 1 else HERTZ))
