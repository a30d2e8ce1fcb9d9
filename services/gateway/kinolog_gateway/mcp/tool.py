"""One tool: its description for language models, and how a call of it is checked, run and answered."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mcp_types as types
from grpc.aio import AioRpcError
from pydantic import ValidationError
from pydantic.json_schema import GenerateJsonSchema

from kinolog.process.logs import fields
from kinolog_gateway.http import grpc_errors, request_errors
from kinolog_gateway.http.problems import HttpProblemError, Problem
from kinolog_gateway.mcp.call import McpCall
from kinolog_gateway.requests.value_types import RequestModel
from kinolog_gateway.responses.job_parts import ResponseModel

logger = logging.getLogger(__name__)

UNKNOWN_ARGUMENT = "is no argument of this tool; leave it out"


class _ShortSchema(GenerateJsonSchema):
    """A schema whose fields have no titles: they only repeat the names, and a model reads all of it."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return that none is."""
        return False


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a tool returns: the structured result, a sentence about it, and links to files."""

    result: ResponseModel
    sentence: str
    links: tuple[types.ResourceLink, ...] = ()


@dataclass(frozen=True, kw_only=True)
class McpTool:
    """A tool. `run` receives the call and the validated arguments."""

    name: str
    title: str
    description: str
    arguments: type[RequestModel]
    result: type[ResponseModel]
    run: Callable[[McpCall, Any], Awaitable[ToolOutput]]
    annotations: types.ToolAnnotations

    @cached_property
    def definition(self) -> types.Tool:
        """What `tools/list` says about it."""
        return types.Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.arguments.model_json_schema(schema_generator=_ShortSchema),
            output_schema=self.result.model_json_schema(mode="serialization", schema_generator=_ShortSchema),
            annotations=self.annotations,
        )

    async def call(self, call: McpCall, arguments: Mapping[str, Any]) -> types.CallToolResult:
        """Run the tool. What goes wrong is a result that says what to do, so that the model can correct itself."""
        try:
            output = await self.run(call, self.arguments.model_validate(arguments))
        except ValidationError as error:
            return _refused(_arguments_problem(error))
        except (AioRpcError, HttpProblemError) as error:
            return _refused(grpc_errors.refusal(error).problem)
        except Exception as error:
            # The error's text stays out of the log: it may quote an argument.
            logger.error(
                "a tool failed", extra=fields("mcp_failed", tool=self.name, error=type(error).__name__)
            )
            return _failed("something went wrong inside the gateway; its log says what", "INTERNAL")
        content: list[types.ContentBlock] = [
            types.TextContent(text=output.sentence),
            types.TextContent(text=output.result.model_dump_json()),
            *output.links,
        ]
        return types.CallToolResult(content=content, structured_content=output.result.model_dump(mode="json"))


def _arguments_problem(error: ValidationError) -> Problem:
    """Return the problem of arguments that do not validate."""
    found = [{**one, "loc": ("arguments", *one["loc"])} for one in error.errors()]
    for one in found:
        if one["type"] == "extra_forbidden":
            one |= {"type": "value_error", "ctx": {"error": UNKNOWN_ARGUMENT}}
    return request_errors.from_validation(found)


def _refused(problem: Problem) -> types.CallToolResult:
    if len(problem.violations) > 1:
        return _failed("; ".join(f"{v.field} {v.message}" for v in problem.violations), problem.reason)
    return _failed(problem.detail, problem.reason)


def _failed(detail: str, reason: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=f"{reason}: {detail}")], is_error=True)
