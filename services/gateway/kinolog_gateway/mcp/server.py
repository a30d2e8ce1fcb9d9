"""The server of the protocol: its handlers, and their mapping to tools, resources and prompts.

This module imports the SDK, which takes half a second. `endpoint.py` imports it when the first client comes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import Server
from mcp.server.streamable_http import REQUEST_CANCELLED
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError

from kinolog_gateway.http.middleware import MAX_BODY_BYTES
from kinolog_gateway.mcp import prompts, resources
from kinolog_gateway.mcp.call import McpCall, RequestContext
from kinolog_gateway.mcp.results import UNTRUSTED_NOTICE
from kinolog_gateway.mcp.running_calls import RunningCalls
from kinolog_gateway.mcp.tools import TOOLS

INSTRUCTIONS = (
    "kinolog renders videos from texts on the user's own machines, and keeps a tamper-evident history of every job. "
    "Call list_models to learn what the models can do, generate_video to render, and get_video to wait further: "
    "rendering takes seconds to hours. The prompt write_shot helps to describe a shot. "
) + UNTRUSTED_NOTICE

_SAME_FOR_ALL = CacheHint(ttl_ms=300_000, scope="public")

# Its messages may quote a request. What fails here is logged by the tools, without a text of a user.
logging.getLogger("mcp").setLevel(logging.CRITICAL)

_running = RunningCalls()


async def _list_tools(_: RequestContext, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[tool.definition for tool in TOOLS.values()])


async def _call_tool(context: RequestContext, params: types.CallToolRequestParams) -> types.CallToolResult:
    tool = TOOLS.get(params.name)
    if tool is None:
        raise MCPError(types.INVALID_PARAMS, f"there is no such tool; the tools are {', '.join(TOOLS)}")
    with _running.cancellable(context):
        return await tool.call(McpCall.of(context), params.arguments or {})
    raise MCPError(REQUEST_CANCELLED, "the call was cancelled")


async def _list_resources(
    context: RequestContext, params: types.PaginatedRequestParams | None
) -> types.ListResourcesResult:
    return await resources.list_resources(McpCall.of(context), params.cursor if params else None)


async def _list_templates(
    _: RequestContext, __: types.PaginatedRequestParams | None
) -> types.ListResourceTemplatesResult:
    return types.ListResourceTemplatesResult(resource_templates=list(resources.TEMPLATES))


async def _read_resource(
    context: RequestContext, params: types.ReadResourceRequestParams
) -> types.ReadResourceResult:
    return await resources.read_resource(McpCall.of(context), params.uri)


async def _list_prompts(
    _: RequestContext, __: types.PaginatedRequestParams | None
) -> types.ListPromptsResult:
    return types.ListPromptsResult(prompts=[prompts.WRITE_SHOT])


async def _get_prompt(context: RequestContext, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    if params.name != prompts.WRITE_SHOT.name:
        raise MCPError(types.INVALID_PARAMS, f"there is no such prompt; there is {prompts.WRITE_SHOT.name}")
    return await prompts.write_shot(McpCall.of(context), params.arguments or {})


async def _complete(context: RequestContext, params: types.CompleteRequestParams) -> types.CompleteResult:
    return await prompts.complete(McpCall.of(context), params)


def _input_schema(name: str) -> Mapping[str, Any] | None:
    tool = TOOLS.get(name)
    return None if tool is None else tool.definition.input_schema


def session_manager() -> StreamableHTTPSessionManager:
    """Return what serves HTTP requests. It remembers nothing between them, so that a restart loses nothing.

    See docs/decisions/0101.
    """
    server: Server[Any] = Server(
        "kinolog",
        version=version("kinolog"),
        title="kinolog",
        description="Text to video on your own machines.",
        instructions=INSTRUCTIONS,
        cache_hints={
            "tools/list": _SAME_FOR_ALL,
            "prompts/list": _SAME_FOR_ALL,
            "resources/templates/list": _SAME_FOR_ALL,
        },
        get_tool_input_schema=_input_schema,
        on_list_tools=_list_tools,
        on_call_tool=_call_tool,
        on_list_resources=_list_resources,
        on_list_resource_templates=_list_templates,
        on_read_resource=_read_resource,
        on_list_prompts=_list_prompts,
        on_get_prompt=_get_prompt,
        on_completion=_complete,
    )
    server.add_notification_handler(
        "notifications/cancelled", types.CancelledNotificationParams, _running.cancel
    )
    return StreamableHTTPSessionManager(
        server,
        stateless=True,
        # The gateway checks hosts and origins of every request itself.
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        max_request_body_size=MAX_BODY_BYTES,
    )
