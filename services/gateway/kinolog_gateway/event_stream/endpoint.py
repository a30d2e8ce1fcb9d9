"""The route of server-sent events."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from kinolog_gateway.event_stream.response import MEDIA_TYPE, EventId, EventStreamResponse
from kinolog_gateway.http.problems import invalid
from kinolog_gateway.live.channels import ChannelName, parse_channel
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller

router = APIRouter(prefix="/api/v1", tags=["live updates"], responses=PROBLEMS)

MAX_CHANNELS = 100
_EXAMPLE = """\
retry: 1000
id: 1041

id: 1042
data: {"type":"job_status_update","position":1042,"job_id":"abcdefghijklmnopqrstuvwxyz","data":{…}}

"""


@router.head("/live", response_class=Response, include_in_schema=False)
@router.get(
    "/live",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}}}},
    summary="Live updates as server-sent events",
)
async def live(
    request: Request,
    api: Api,
    caller: Caller,
    channel: Annotated[
        list[ChannelName],
        Query(
            min_length=1,
            max_length=MAX_CHANNELS,
            description="What to send, several times for several. At most one of them is logs:<id>.",
        ),
    ],
    after: Annotated[
        int | None,
        Query(
            ge=0, le=2**63 - 1, description="Send everything after this position. Without it, from now on."
        ),
    ] = None,
    after_sequence: Annotated[
        int | None,
        Query(ge=0, le=2**63 - 1, description="The same for logs:<id>: the sequence of a line."),
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(description="The id of the last event received. It takes precedence over the parameters."),
    ] = None,
) -> Response:
    """Send the messages of /ws (see /asyncapi.json), each as the data of an event, until the client leaves.

    A browser's EventSource connects again by itself and resumes after the last event: nothing is missed or sent twice.
    """
    channels = list(dict.fromkeys(map(parse_channel, channel)))
    if sum(found.kind == "logs" for found in channels) > 1:
        raise invalid("channel", "must name at most one logs:<id>; open another stream for each further job")
    start = EventId(after or None, after_sequence)
    if last_event_id:
        try:
            start = EventId.parse(last_event_id)
        except ValueError as error:
            raise invalid("Last-Event-ID", str(error)) from None
    job_ids = {found.job_id for found in channels if found.job_id}
    await asyncio.gather(*(api.job(job_id, caller) for job_id in job_ids))
    return EventStreamResponse(
        request.app.state.broadcasts, request.app.state.callers, caller, channels, start
    )
