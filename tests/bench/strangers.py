"""What attacks of clients without a key, or that read nothing, cost gateway and api: memory before and at the most."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import grpc
import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from kinolog_stack.stack import Stack
from tests.bench import site
from tests.bench.calls import job_service, submission
from tests.bench.figures import Figure, Result
from tests.bench.process_memory import ProcessMemory
from tests.fixtures.servers import temporary_folder

KEY = "a-key-of-the-bench-0001"
BLOCKED_SECONDS = 15.0
"""How long a client that reads nothing goes on sending."""
DEADLINES = {"KINOLOG_GATEWAY_HEAD_SECONDS": "5", "KINOLOG_GATEWAY_BODY_SECONDS": "5"}
"""Shorter than by default, so that the bench ends sooner."""
POST = "POST /api/v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SUBMIT = "/kinolog.v1.JobService/SubmitJob"
CHECK = "/grpc.health.v1.Health/Check"
CHUNK = b"x" * 65_536


def measure(quick: bool) -> Result:
    """Measure each attack in turn, with the limits of gateway and api as they are by default but for two deadlines."""
    with temporary_folder() as folder:
        keys = folder / "keys"
        keys.write_text(f"{KEY} *\n", encoding="utf-8")
        keys.chmod(0o600)
        with (
            patch.dict(os.environ, DEADLINES | {"KINOLOG_API_KEY_FILE": str(keys)}),
            site.running({"projector", "api", "gateway"}) as stack,
        ):
            attacks = _Attacks(stack.addresses["gateway"], stack.addresses["api"], 10 if quick else 1)
            figures = uvloop.run(_measure(stack, attacks.all()))
    return Result("strangers", "memory of gateway and api in MB", tuple(figures))


async def _measure(stack: Stack, attacks: dict[str, Callable[[], Awaitable[None]]]) -> list[Figure]:
    processes = {name: ProcessMemory(site.pid_of(stack.process(name).program)) for name in ("gateway", "api")}
    figures = []
    for name, attack in attacks.items():
        before = {process: memory.start() for process, memory in processes.items()}
        await attack()
        for process, memory in processes.items():
            most = memory.most()
            held = before[process]
            figures.append(Figure(f"{name}: {process}, at the most", "MB", most, held, most / held))
    return figures


@dataclass(frozen=True, slots=True)
class _Attacks:
    """The attacks. All but the last two of the WebSocket have no key."""

    gateway: str
    api: str
    fewer: int

    def all(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return each attack by what it does."""
        return {
            f"{self._of(3_000):,} half-open requests": self.half_open,
            f"{self._of(5_000):,} connections of one machine": self.connections,
            f"{self._of(200):,} heads of 16 MB": self.large_heads,
            f"{self._of(200):,} bodies of 64 MB": self.large_bodies,
            f"{self._of(1_000):,} bodies that stall": self.slow_bodies,
            f"{self._of(200):,} calls of 30 MB": lambda: self.large_calls(30),
            f"{self._of(200):,} calls of 15 MB": lambda: self.large_calls(15),
            f"{self._of(20_000):,} calls at once without a message": lambda: self.open_calls(SUBMIT),
            f"{self._of(20_000):,} health checks at once without a message": lambda: self.open_calls(CHECK),
            f"{self._of(50):,} WebSockets that ping and read nothing": self.pings,
            f"{self._of(50):,} WebSockets that subscribe in a loop": self.subscriptions,
            f"{self._of(50):,} WebSockets that read no news of 2,000 jobs": self.unread,
        }

    def _of(self, number: int) -> int:
        return number // self.fewer

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        split = urlsplit(self.gateway)
        return await asyncio.open_connection(split.hostname, split.port)

    async def _end(self, first: bytes, chunks: int = 0, *, at_once: int = 200, number: int) -> None:
        """Send the same on many connections until the server has ended each."""
        places = asyncio.Semaphore(at_once)

        async def attack() -> None:
            async with places:
                with suppress(ConnectionError):
                    reader, writer = await self._open()
                    try:
                        writer.write(first)
                        for _ in range(chunks):
                            writer.write(CHUNK)
                            await writer.drain()
                        while await reader.read(65_536):
                            pass
                    finally:
                        writer.close()

        await asyncio.gather(*(attack() for _ in range(number)))

    async def half_open(self) -> None:
        """Heads that do not end."""
        await self._end(b"GET / HTTP/1.1\r\nHost: local", at_once=3_000, number=self._of(3_000))

    async def connections(self) -> None:
        """Connections that ask nothing."""
        await self._end(b"", at_once=5_000, number=self._of(5_000))

    async def large_heads(self) -> None:
        """Heads of one endless line."""
        await self._end(b"GET / HTTP/1.1\r\nX: ", 256, number=self._of(200))

    async def large_bodies(self) -> None:
        """Bodies of callers that are refused."""
        await self._end(f"{POST}Content-Length: {64 << 20}\r\n\r\n".encode(), 1_024, number=self._of(200))

    async def slow_bodies(self) -> None:
        """Bodies whose beginning alone arrives."""
        head = f"{POST}Content-Length: 100000\r\n\r\n".encode()
        await self._end(head + b"{" * 2_000, at_once=1_000, number=self._of(1_000))

    async def large_calls(self, megabytes: int) -> None:
        """Calls over gRPC, 20 at once, each on its own connection."""
        message, places = bytes(megabytes << 20), asyncio.Semaphore(20)
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", 64 << 20)]

        async def attack() -> None:
            async with places, grpc.aio.insecure_channel(self.api, options) as channel:
                with suppress(grpc.aio.AioRpcError):
                    await _method(channel.unary_unary, SUBMIT)(message)

        await asyncio.gather(*(attack() for _ in range(self._of(200))))

    async def open_calls(self, method: str) -> None:
        """Streams over one connection of gRPC that send no message, until the server has had time for each."""
        async with grpc.aio.insecure_channel(self.api) as channel:
            open_call = _method(channel.stream_unary, method)
            calls = [open_call() for _ in range(self._of(20_000))]
            await asyncio.wait([asyncio.create_task(_ended(call)) for call in calls], timeout=20)
            for call in calls:
                call.cancel()

    def _socket(self, *, key: bool = False) -> connect:
        url = self.gateway.replace("http", "ws", 1) + "/ws"
        headers = {"Authorization": f"Bearer {KEY}"} if key else {}
        return connect(url, additional_headers=headers, compression=None, max_queue=1, ping_interval=None)

    async def pings(self) -> None:
        """Pings whose answers are not read."""

        async def attack() -> None:
            socket = await self._socket(key=True)
            socket.transport.pause_reading()
            try:
                async with asyncio.timeout(BLOCKED_SECONDS):
                    for _ in range(20_000):
                        await socket.ping()
            except (ConnectionClosed, ConnectionError, TimeoutError):
                pass  # the gateway has closed it, or reads no more
            finally:
                socket.transport.abort()

        await asyncio.gather(*(attack() for _ in range(self._of(50))))

    async def subscriptions(self) -> None:
        """Subscriptions to all jobs and to ones that do not exist."""

        async def attack(number: int) -> None:
            with suppress(ConnectionClosed, ConnectionError):
                async with self._socket(key=True) as socket:
                    for each in range(20_000):
                        channel = "jobs" if each % 2 else f"job:{number * 100_000 + each:026d}"
                        await socket.send(json.dumps({"type": "subscribe", "channel": channel}))

        await asyncio.gather(*(attack(number) for number in range(self._of(50))))

    async def unread(self) -> None:
        """Clients that subscribe to all jobs and read nothing, while jobs are submitted."""
        sockets = [await self._socket(key=True) for _ in range(self._of(50))]
        for socket in sockets:
            await socket.send(json.dumps({"type": "subscribe", "channel": "jobs"}))
            await socket.send(json.dumps({"type": "ping", "id": "subscribed"}))
            while json.loads(await socket.recv())["type"] != "pong":
                pass
            socket.transport.pause_reading()
        metadata = (("authorization", f"Bearer {KEY}"), ("x-kinolog-tenant", "default"))
        async with job_service(self.api) as jobs:
            for _ in range(self._of(2_000) // 50):
                await asyncio.gather(
                    *(jobs.SubmitJob(submission("slow-card"), metadata=metadata) for _ in range(50))
                )
        for socket in sockets:
            socket.transport.abort()


def _method(kind: Any, path: str) -> Any:
    """Return a method that sends bytes as they are."""
    return kind(path)


async def _ended(call: grpc.aio.StreamUnaryCall[bytes, bytes]) -> None:
    with suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
        await call
