"""Tool calls of clients that cancel by a notification, which is an HTTP request of its own.

Since protocol version 2026-07-28 a client cancels by closing the connection of the call. Clients of earlier versions
send `notifications/cancelled` with the id of the call. Their session id, which means nothing else here, tells calls of
one client from those of another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import mcp_types as types
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from kinolog_gateway.http.middleware import CALLER
from kinolog_gateway.mcp.call import RequestContext, http_request
from kinolog_gateway.mcp.endpoint import SESSION_HEADER

CallKey = tuple[str, str, types.RequestId]
"""The API key, the session, and the id of the call."""


class RunningCalls:
    """The calls in progress that a notification can cancel."""

    def __init__(self) -> None:
        self._scopes: dict[CallKey, anyio.CancelScope] = {}

    @contextmanager
    def cancellable(self, context: RequestContext) -> Iterator[anyio.CancelScope]:
        """Let a notification cancel what runs inside."""
        key = _key(context, context.request_id)
        with anyio.CancelScope() as scope:
            if key is not None:
                self._scopes[key] = scope
            try:
                yield scope
            finally:
                if key is not None:
                    self._scopes.pop(key, None)

    async def cancel(self, context: RequestContext, params: types.CancelledNotificationParams) -> None:
        """Cancel the call that a notification names. Others, and those that ended, are ignored."""
        scope = self._scopes.get(key) if (key := _key(context, params.request_id)) is not None else None
        if scope is not None:
            scope.cancel()


def _key(context: RequestContext, request_id: types.RequestId | None) -> CallKey | None:
    request = http_request(context)
    session = request.headers.get(SESSION_HEADER)
    if not session or request_id is None or context.protocol_version not in HANDSHAKE_PROTOCOL_VERSIONS:
        return None
    return request.scope[CALLER].key or "", session, request_id
