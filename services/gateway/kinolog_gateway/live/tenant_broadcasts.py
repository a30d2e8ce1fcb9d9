"""The broadcasts of this gateway: one per tenant, closed some time after its last client left.

Messages have links, which begin with the public prefix. A broadcast has one prefix: that of the first request for it,
in whose context its tasks run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TypeAlias

from kinolog.access.api_key import Scope
from kinolog.process.tasks import BackgroundTasks
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.edge.public_path import public_prefix
from kinolog_gateway.http.metrics import LiveCounts
from kinolog_gateway.live.subscriber import Subscriber
from kinolog_gateway.live.tenant_broadcast import PAUSED, SERVICE_RESTART, TenantBroadcast
from kinolog_gateway.upstream import Upstream

_Audience: TypeAlias = tuple[str, str]
"""Tenant and public prefix."""

LINGER_SECONDS = 30.0
"""A client that reconnects within this time finds what it missed in the broadcast's recent commits."""


class TenantBroadcasts:
    """Finds the broadcast of a caller. Creates and closes broadcasts as clients come and go."""

    def __init__(self, upstream: Upstream, counts: LiveCounts) -> None:
        self.counts = counts
        self._upstream = upstream
        self._broadcasts: dict[_Audience, TenantBroadcast] = {}
        self._lingering: dict[TenantBroadcast, asyncio.TimerHandle] = {}
        """Broadcasts without clients, each with the timer that closes it."""
        self._closing = BackgroundTasks()
        self._stopping = False
        self._connections = 0
        self._none_connected = asyncio.Event()
        self._none_connected.set()

    def for_caller(self, caller: HttpCaller) -> TenantBroadcast:
        """Return the broadcast of this caller's tenant. One that the api refuses is replaced.

        Raises `HttpProblemError` for a key without the scope `read`: the broadcast may be another key's.
        """
        caller.check_scope(Scope.READ)
        audience = caller.tenant_key, public_prefix()
        broadcast = self._broadcasts.get(audience)
        if broadcast is None or broadcast.refusal is not None:
            broadcast = TenantBroadcast(self._upstream, caller, self.counts)
            self._broadcasts[audience] = broadcast
        return broadcast

    @contextlib.contextmanager
    def connected(self, client: Subscriber) -> Iterator[None]:
        """Register a client while it is connected, and tell it if its updates pause."""
        self._add(client)
        self._connections += 1
        self._none_connected.clear()
        if client.broadcast.paused:
            client.send_error(*PAUSED)
        if self._stopping:
            _close(client)
        try:
            yield
        finally:
            self.remove_client(client)
            self._connections -= 1
            if not self._connections:
                self._none_connected.set()

    def _add(self, client: Subscriber) -> None:
        if timer := self._lingering.pop(client.broadcast, None):
            timer.cancel()
        client.broadcast.clients.add(client)
        self.counts.clients += 1

    def remove_client(self, client: Subscriber) -> None:
        """Stop sending to a client. Its connection may still have to be closed.

        The broadcast closes `LINGER_SECONDS` after the last client left, unless one comes back.
        """
        broadcast = client.broadcast
        if client not in broadcast.clients:
            return
        client.leave()
        broadcast.clients.discard(client)
        self.counts.clients -= 1
        if not broadcast.clients:
            loop = asyncio.get_running_loop()
            self._lingering[broadcast] = loop.call_later(LINGER_SECONDS, self._close_idle, broadcast)

    def _close_idle(self, broadcast: TenantBroadcast) -> None:
        self._lingering.pop(broadcast, None)
        self._broadcasts = {
            audience: other for audience, other in self._broadcasts.items() if other is not broadcast
        }
        self._closing.start(broadcast.close())

    async def close_clients(self, seconds: float) -> None:
        """Close every connection, each with the position after which to resume: the gateway stops.

        Waits at most `seconds` until they are closed. Clients that connect from now on are closed at once.
        """
        self._stopping = True
        for broadcast in (*self._broadcasts.values(), *self._lingering):
            for client in broadcast.clients:
                _close(client)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._none_connected.wait()

    async def close(self) -> None:
        """Close every broadcast."""
        for timer in self._lingering.values():
            timer.cancel()
        broadcasts = {*self._broadcasts.values(), *self._lingering}
        self._broadcasts, self._lingering = {}, {}
        for broadcast in broadcasts:
            self._closing.start(broadcast.close())
        await self._closing.ended()


def _close(client: Subscriber) -> None:
    client.request_close(SERVICE_RESTART, f"the gateway stops{client.send_queue.resume_hint}")
