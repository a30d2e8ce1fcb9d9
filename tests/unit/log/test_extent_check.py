"""After a reconnect the extent of the log is compared once, however many appends wait for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nats.aio.client import Client

from kinolog.adapters.jetstream.log import extent_check
from kinolog.adapters.jetstream.log.extent_check import ExtentCheck
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.ports.raw_log import LogExtent
from tests.fixtures.waits import WAIT_SECONDS

APPENDS = 20
WHOLE = LogExtent(1, 9, 9)


@dataclass
class Server:
    """States the extent of a log when it is released. `outcomes` are its answers; the last one stays."""

    outcomes: list[LogExtent | Exception]
    requests: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)
    connection: Any = field(default_factory=lambda: SimpleNamespace(stats={"reconnects": 0}))

    async def extent(self, client: Client) -> LogExtent:
        """Answer a request."""
        self.requests += 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        await self.released.wait()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def reconnect(self) -> None:
        """Let the client have a new connection."""
        self.connection.stats["reconnects"] += 1


def opened(monkeypatch: pytest.MonkeyPatch, *outcomes: LogExtent | Exception) -> tuple[Server, ExtentCheck]:
    """Return a server with these answers, and a check of a process that knows nine commits."""
    server = Server(list(outcomes))
    monkeypatch.setattr(extent_check, "log_extent", server.extent)
    return server, ExtentCheck(cast("Client", server.connection), lambda: 9)


async def checks_of(check: ExtentCheck, server: Server) -> list[BaseException | None]:
    """Check for many appends at once. Return the outcome of each."""
    waiting = [asyncio.create_task(check.check()) for _ in range(APPENDS)]
    await asyncio.sleep(0)  # each of them runs until it waits
    server.released.set()
    async with asyncio.timeout(WAIT_SECONDS):
        return await asyncio.gather(*waiting, return_exceptions=True)


async def test_one_request_for_all_appends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Concurrent appends share a request; the first connection needs none, and each later one needs one."""
    server, check = opened(monkeypatch, WHOLE)
    assert await checks_of(check, server) == [None] * APPENDS
    assert server.requests == 0
    for connections in (1, 2):
        server.reconnect()
        server.released.clear()
        assert await checks_of(check, server) == [None] * APPENDS
        await check.check()
        assert server.requests == connections


@pytest.mark.parametrize(
    "outcome",
    [LogUnavailable("no answer"), LogExtent(1, 8, 8), LogExtent(1, 9, 8)],
    ids=["away", "cut", "gap"],
)
async def test_all_appends_get_the_error(
    monkeypatch: pytest.MonkeyPatch, outcome: LogExtent | Exception
) -> None:
    """An error ends every append that waits, and the next append checks again."""
    server, check = opened(monkeypatch, outcome, WHOLE)
    server.reconnect()
    errors = await checks_of(check, server)
    kind = LogUnavailable if isinstance(outcome, Exception) else DamagedLog
    assert [type(error) for error in errors] == [kind] * APPENDS
    assert server.requests == 1
    await check.check()
    assert server.requests == 2


async def test_a_cancelled_append_ends_no_check_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The append whose check runs may be cancelled; the others get the answer."""
    server, check = opened(monkeypatch, WHOLE)
    server.reconnect()
    first, second = (asyncio.create_task(check.check()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    server.released.set()
    async with asyncio.timeout(WAIT_SECONDS):
        await second
    assert first.cancelled()
    assert server.requests == 1


async def test_a_connection_that_is_lost_meanwhile_is_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of one connection says nothing about the next one."""
    server, check = opened(monkeypatch, WHOLE, LogExtent(1, 8, 8))
    server.reconnect()
    waiting = asyncio.create_task(check.check())
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the request is under way
    server.reconnect()
    server.released.set()
    async with asyncio.timeout(WAIT_SECONDS):
        with pytest.raises(DamagedLog, match="lost its end"):
            await waiting
    assert server.requests == 2
