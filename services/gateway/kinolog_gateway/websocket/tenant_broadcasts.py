"""The broadcasts of this gateway: one per tenant, closed some time after its last client left."""

from __future__ import annotations

import asyncio

from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.metrics import LiveCounts
from kinolog_gateway.upstream import Upstream
from kinolog_gateway.websocket.client import WebSocketClient
from kinolog_gateway.websocket.tenant_broadcast import TenantBroadcast

LINGER_SECONDS = 30.0
"""A client that reconnects within this time finds what it missed in the broadcast's recent commits."""


class TenantBroadcasts:
    """Finds the broadcast of a caller. Creates and closes broadcasts as clients come and go."""

    def __init__(self, upstream: Upstream, counts: LiveCounts) -> None:
        self.counts = counts
        self._upstream = upstream
        self._broadcasts: dict[str, TenantBroadcast] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def for_caller(self, caller: HttpCaller) -> TenantBroadcast:
        """Return the broadcast of this caller's tenant. One that the api refuses is replaced."""
        broadcast = self._broadcasts.get(caller.tenant_key)
        if broadcast is None or broadcast.refusal is not None:
            broadcast = TenantBroadcast(self._upstream, caller, self.counts)
            self._broadcasts[caller.tenant_key] = broadcast
        return broadcast

    def add_client(self, client: WebSocketClient) -> None:
        """Register a connected client."""
        client.broadcast.clients.add(client)
        self.counts.clients += 1

    def remove_client(self, client: WebSocketClient) -> None:
        """Remove a client. Its broadcast closes `LINGER_SECONDS` after the last one left."""
        broadcast = client.broadcast
        client.leave()
        broadcast.clients.discard(client)
        self.counts.clients -= 1
        if not broadcast.clients:
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._close_idle, broadcast)

    def _close_idle(self, broadcast: TenantBroadcast) -> None:
        if broadcast.clients:
            return
        if self._broadcasts.get(broadcast.caller.tenant_key) is broadcast:
            del self._broadcasts[broadcast.caller.tenant_key]
        task = asyncio.get_running_loop().create_task(broadcast.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close every broadcast."""
        broadcasts, self._broadcasts = list(self._broadcasts.values()), {}
        await asyncio.gather(*(broadcast.close() for broadcast in broadcasts), *self._closing)
