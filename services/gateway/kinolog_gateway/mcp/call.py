"""What a tool, a resource or a prompt needs of the request that calls it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mcp.server.context import ServerRequestContext
from starlette.requests import Request

from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.middleware import CALLER, MCP_PATH
from kinolog_gateway.mcp.job_waits import JobWaits
from kinolog_gateway.upstream import Upstream

RequestContext = ServerRequestContext[Any, Request]


def http_request(context: RequestContext) -> Request:
    """Return the HTTP request that carries a message. Raises `LookupError` for one that came without HTTP."""
    if context.request is None:
        raise LookupError("a message came without an HTTP request")
    return context.request


@dataclass(frozen=True, slots=True, kw_only=True)
class McpCall:
    """One call: who calls, when, and how to reach the api and the caller."""

    api: Upstream
    waits: JobWaits
    caller: HttpCaller
    now: datetime
    base_url: str
    """The gateway's address as the caller used it, without a slash at the end."""
    context: RequestContext

    @classmethod
    def of(cls, context: RequestContext) -> McpCall:
        """Return the call of a request."""
        request = http_request(context)
        state = request.app.state
        return cls(
            api=state.upstream,
            waits=state.job_waits,
            caller=replace(request.scope[CALLER], route=f"{request.method} {MCP_PATH}"),
            now=state.clock(),
            base_url=str(request.base_url).rstrip("/"),
            context=context,
        )

    async def report(self, percent: float, sentence: str) -> None:
        """Send a progress notification, if the caller asked for them."""
        await self.context.session.report_progress(percent, 100.0, sentence)

    async def models(self) -> pb.ListModelsResponse:
        """Read the catalogue."""
        return await self.api.call(self.api.jobs.ListModels, pb.ListModelsRequest(), self.caller)
