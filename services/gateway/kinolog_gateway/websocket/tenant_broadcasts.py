"""The hubs of this gateway: one per audience, kept a while after its last client left."""

from __future__ import annotations

import asyncio

from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.metrics import LiveCounts
from kinolog_gateway.upstream import Upstream
from kinolog_gateway.websocket.client import WebSocketClient
from kinolog_gateway.websocket.hub import TenantBroadcast

LINGER_SECONDS = 30.0
"""A client that reconnects within this time finds what it missed at its hub."""


class TenantBroadcasts:
    """Finds the hub of a caller; makes and closes hubs as clients come and go."""

    def __init__(self, upstream: Upstream, counts: LiveCounts) -> None:
        self.counts = counts
        self._upstream = upstream
        self._hubs: dict[str, TenantBroadcast] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def join(self, caller: HttpCaller) -> TenantBroadcast:
        """The hub of this caller's audience. A hub that the api refused is replaced."""
        hub = self._hubs.get(caller.audience)
        if hub is None or hub.refused is not None:
            hub = self._hubs[caller.audience] = TenantBroadcast(self._upstream, caller, self.counts)
        return hub

    def enter(self, hub: TenantBroadcast, client: WebSocketClient) -> None:
        """Count a client in."""
        hub.clients.add(client)
        self.counts.clients += 1

    def leave(self, hub: TenantBroadcast, client: WebSocketClient) -> None:
        """Count a client out; with the last one the hub closes after a while."""
        client.leave()
        hub.clients.discard(client)
        self.counts.clients -= 1
        if not hub.clients:
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._close_idle, hub)

    def _close_idle(self, hub: TenantBroadcast) -> None:
        if hub.clients:
            return
        if self._hubs.get(hub.caller.audience) is hub:
            del self._hubs[hub.caller.audience]
        task = asyncio.get_running_loop().create_task(hub.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close every hub."""
        hubs, self._hubs = list(self._hubs.values()), {}
        await asyncio.gather(*(hub.close() for hub in hubs), *self._closing)
