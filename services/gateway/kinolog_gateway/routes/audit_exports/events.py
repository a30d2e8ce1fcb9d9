"""The route that exports events of many jobs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from kinolog.v1 import export_service_pb2 as pb
from kinolog_gateway.requests.audit_exports import EventExportQuery
from kinolog_gateway.responses.audit_exports.cloud_event import KEEP_ALIVE, MEDIA_TYPE, event_lines
from kinolog_gateway.routes.dependencies import POSITION_HEADER, PROBLEMS, Api, Caller
from kinolog_gateway.routes.file_stream import messages_of

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=PROBLEMS)

SOURCE_HEADER = "X-Kinolog-Log"
"""Names the log."""

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One CloudEvent a line, in the order of the log. Its length is not known before it is sent.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
        "headers": {
            POSITION_HEADER: {
                "description": "The position up to which the export goes.",
                "schema": {"type": "integer"},
            },
            SOURCE_HEADER: {
                "description": "Name of the log; empty without commits.",
                "schema": {"type": "string"},
            },
        },
    }
}


@router.get("/export", response_class=Response, responses=_RESPONSES, summary="Export events of many jobs")
async def export_events(
    query: Annotated[EventExportQuery, Query()], api: Api, caller: Caller
) -> StreamingResponse:
    """Export the events of the selected commits as JSON Lines, each a CloudEvent 1.0.

    Empty lines, which come while no commit matches, mean nothing. Prompts are sealed in the log and omitted, unless
    `prompts` is true: then `data.texts` has them, and `unsealed` is true in each line. To continue an export that was
    interrupted, name the position of the last whole line as `from` and the position of the header as `to`, and pass
    over the ids that you have.
    """
    request = pb.ExportEventsRequest(selection=query.selection(), unseal_texts=query.prompts)
    messages = messages_of(api.audit_exports.ExportEvents(request, metadata=caller.metadata))
    first = await anext(messages)  # an error before the export begins still becomes a problem
    headers = {
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        POSITION_HEADER: str(first.last_position),
        SOURCE_HEADER: first.source,
    }
    return StreamingResponse(_lines(first, messages), media_type=MEDIA_TYPE, headers=headers)


async def _lines(
    first: pb.ExportEventsResponse, messages: AsyncGenerator[pb.ExportEventsResponse, None]
) -> AsyncIterator[str]:
    async for message in messages:
        lines = [line for exported in message.commits for line in event_lines(first.source, exported)]
        yield "".join(lines) or KEEP_ALIVE
