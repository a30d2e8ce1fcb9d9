"""Checks after each reconnect that the log holds what this process knows, before anything is appended.

A server that was killed and finds a damaged message when it starts again cuts the stream there. It would store the next
append in the place of an acknowledged commit (decision 15).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import api_request
from kinolog.counts import counted
from kinolog.ports.event_store import RESTORE, DamagedLog
from kinolog.ports.raw_log import LogExtent


class ExtentCheck:
    """Compares the extent of the log with `last_seen`, the greatest position that the process knows."""

    def __init__(self, client: Client, last_seen: Callable[[], int]) -> None:
        self._client = client
        self._last_seen = last_seen
        self._checked_connection = self._connection
        self._comparing: asyncio.Task[None] | None = None

    @property
    def _connection(self) -> int:
        return int(self._client.stats["reconnects"])

    async def check(self) -> None:
        """Check once per connection. Raises `DamagedLog`, `LogUnavailable`, `JetStreamApiError`.

        Concurrent callers share one request and its error. A caller that is cancelled ends no check of the others.
        """
        while self._connection != self._checked_connection:
            if self._comparing is None:
                self._comparing = asyncio.create_task(self._compare(), name="extent of the log")
                self._comparing.add_done_callback(self._forget)
            await asyncio.shield(self._comparing)

    async def _compare(self) -> None:
        connection = self._connection
        seen = self._last_seen()
        extent = await log_extent(self._client)
        if extent.last < seen:
            raise DamagedLog(
                f"the log ends at position {extent.last}, but {seen} was stored: it has lost its end. {RESTORE}"
            )
        if not extent.is_whole:
            raise DamagedLog(
                f"the log holds {counted(extent.commits, 'commit')} from position {extent.first} to {extent.last}: "
                f"commits are missing. {RESTORE}"
            )
        self._checked_connection = connection

    def _forget(self, compared: asyncio.Task[None]) -> None:
        """Let the next caller check again, and read the error, which nobody may wait for any more."""
        self._comparing = None
        if not compared.cancelled():
            compared.exception()


async def log_extent(client: Client) -> LogExtent:
    """Return what the stream states about itself. Raises `LogUnavailable`, `JetStreamApiError`."""
    state = (await api_request(client, f"$JS.API.STREAM.INFO.{subjects.EVENTS}"))["state"]
    return LogExtent(int(state["first_seq"]), int(state["last_seq"]), int(state["messages"]))
