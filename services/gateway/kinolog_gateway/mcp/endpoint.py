"""The route /mcp. The server behind it starts when its first client comes: its SDK takes half a second to import."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from kinolog.ids import new_id
from kinolog.process.tasks import end_tasks
from kinolog_gateway.http.middleware import MCP_PATH
from kinolog_gateway.http.problems import HttpProblemError

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

SESSION_HEADER = "mcp-session-id"
VERSION_HEADER = "mcp-protocol-version"


class McpService:
    """Serves requests to /mcp. Create it inside the event loop."""

    def __init__(self) -> None:
        self._starting = asyncio.Lock()
        self._manager: StreamableHTTPSessionManager | None = None
        self._task: asyncio.Task[None] | None = None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one POST."""
        manager = await self._running_manager()
        await manager.handle_request(scope, receive, _with_session(scope, send))

    async def close(self) -> None:
        """End every call."""
        if self._task is not None:
            await end_tasks((self._task,))

    async def _running_manager(self) -> StreamableHTTPSessionManager:
        """Return the SDK's manager. If none runs, or the last one ended, start one."""
        async with self._starting:
            if self._manager is None or self._task is None or self._task.done():
                self._manager = await asyncio.to_thread(_imported_manager)
                started = asyncio.Event()
                self._task = asyncio.get_running_loop().create_task(_run(self._manager, started))
                await started.wait()
            return self._manager


class McpEndpoint:
    """Passes POST on to the service. GET and DELETE belong to sessions, which this server does not keep."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            raise HttpProblemError(
                405,
                "METHOD_NOT_ALLOWED",
                "this is the address of the Model Context Protocol, which uses POST; see docs/mcp.md",
                headers={"Allow": "POST"},
            )
        service: McpService = scope["app"].state.mcp
        await service.handle(scope, receive, send)


router = APIRouter(routes=[Route(MCP_PATH, McpEndpoint(), include_in_schema=False)])


def _imported_manager() -> StreamableHTTPSessionManager:
    """Import the SDK. In a thread, so that other requests are served meanwhile."""
    from kinolog_gateway.mcp.server import session_manager

    return session_manager()


async def _run(manager: StreamableHTTPSessionManager, started: asyncio.Event) -> None:
    """Keep the manager's tasks until this one is cancelled."""
    try:
        async with manager.run():
            started.set()
            await asyncio.Event().wait()
    finally:
        started.set()


def _with_session(scope: Scope, send: Send) -> Send:
    """Give a client that starts a session an id. Nothing is stored under it: it tells clients of one key apart."""
    headers = Headers(scope=scope)
    if SESSION_HEADER in headers or VERSION_HEADER in headers:
        return send

    async def send_with_session(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)[SESSION_HEADER] = new_id()
        await send(message)

    return send_with_session
