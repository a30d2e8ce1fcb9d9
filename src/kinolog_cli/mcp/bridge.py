"""Passes the requests of an agent on standard input to the gateway's /mcp, and its answers back.

It knows no tool: the gateway defines them. Each request is an exchange of its own, so a gateway may restart in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import mcp_types as types
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types.version import LATEST_MODERN_VERSION

from kinolog_client.endpoint import Endpoint

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 60.0
"""A gateway that sends nothing for so long, not even the ping of a call that waits, does not answer."""

BROKEN = (
    "the connection to kinolog broke before the answer came; what the call started may go on: see list_videos"
)

PASSED_ON: tuple[tuple[type[types.Request[Any, Any]], type[types.RequestParams], type[types.Result]], ...] = (
    (types.ListToolsRequest, types.PaginatedRequestParams, types.ListToolsResult),
    (types.CallToolRequest, types.CallToolRequestParams, types.CallToolResult),
    (types.ListResourcesRequest, types.PaginatedRequestParams, types.ListResourcesResult),
    (types.ListResourceTemplatesRequest, types.PaginatedRequestParams, types.ListResourceTemplatesResult),
    (types.ReadResourceRequest, types.ReadResourceRequestParams, types.ReadResourceResult),
    (types.ListPromptsRequest, types.PaginatedRequestParams, types.ListPromptsResult),
    (types.GetPromptRequest, types.GetPromptRequestParams, types.GetPromptResult),
    (types.CompleteRequest, types.CompleteRequestParams, types.CompleteResult),
)
"""The requests that reach the gateway, with their parameters and results."""

Context = ServerRequestContext[Any, Any]


class GatewayRefusal(Exception):
    """The gateway answered with a problem, such as for a key that it does not accept."""


class GatewayBridge:
    """The gateway, as an agent's requests reach it."""

    def __init__(self, url: str, http: httpx2.AsyncClient) -> None:
        self._url = url
        self._http = http

    async def server(self) -> Server[Any]:
        """Return the server for standard input and output: named and described like the gateway's."""
        async with self._connected("auto") as gateway:
            known, instructions = gateway.server_info, gateway.instructions
        server: Server[Any] = Server(
            known.name if known else "kinolog",
            version=known.version if known else "",
            title=known.title if known else None,
            instructions=instructions,
        )
        for request, params, result in PASSED_ON:
            method = request.model_fields["method"].default
            server.add_request_handler(method, params, self._passing_on(request, result))
        return server

    def _connected(self, mode: str = LATEST_MODERN_VERSION) -> Client:
        """Return a connection. `auto` asks the gateway about itself first."""
        transport = streamable_http_client(f"{self._url}/mcp", http_client=self._http)
        return Client(transport, mode=mode, cache=None)

    def _passing_on(
        self, request: type[types.Request[Any, Any]], result: type[types.Result]
    ) -> Callable[[Context, Any], Awaitable[types.Result]]:
        """Return the handler that sends requests of a type to the gateway."""

        async def pass_on(context: Context, params: types.RequestParams) -> types.Result:
            has_token = context.meta is not None and "progress_token" in context.meta
            report = context.session.report_progress if has_token else None
            # The other connection has a protocol version of its own.
            own = params.model_copy(update={"meta": None})
            refused = MCPError(types.CONNECTION_CLOSED, BROKEN)
            try:
                async with self._connected() as gateway:
                    try:
                        return await gateway.session.send_request(
                            request(params=own), result, progress_callback=report
                        )
                    except MCPError as error:
                        if error.code != types.CONNECTION_CLOSED:
                            refused = error
            except* (httpx2.HTTPError, GatewayRefusal) as group:
                refused = MCPError(types.INTERNAL_ERROR, _cause(group, self._url))
            raise refused

        return pass_on


def serve(endpoint: Endpoint) -> None:
    """Serve until standard input ends."""
    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # the agent gets errors as answers
    asyncio.run(_serve(endpoint))


async def _serve(endpoint: Endpoint) -> None:
    async with httpx2.AsyncClient(
        headers=endpoint.headers,
        verify=endpoint.trust,
        trust_env=endpoint.uses_environment,
        timeout=httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
        event_hooks={"response": [_raise_problem]},
    ) as http:
        server = await GatewayBridge(endpoint.url, http).server()
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())


async def _raise_problem(response: httpx2.Response) -> None:
    """Raise the problem of a response, which the SDK would reduce to its status."""
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        await response.aread()
        raise GatewayRefusal(response.json()["detail"])


def _cause(group: BaseExceptionGroup[Exception], url: str) -> str:
    """Return why a request did not reach the gateway, or was refused, and what to do."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, GatewayRefusal):
        return str(error)
    return f"cannot reach kinolog at {url} ({type(error).__name__}); start it with `kinolog up` and try again"
