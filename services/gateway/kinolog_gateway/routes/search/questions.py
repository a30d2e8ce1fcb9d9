"""Routes of questions about the commits of all jobs, and of the queue as it was."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.requests.moments import fill_moment
from kinolog_gateway.requests.questions import CommandsQuery, EventsQuery, ReadsQuery
from kinolog_gateway.responses.search.found_commits import (
    CommandCountsView,
    FoundCommitsView,
    command_counts_view,
    found_commits_view,
)
from kinolog_gateway.responses.search.found_reads import FoundReadsView, found_reads_view
from kinolog_gateway.responses.search.queue_at import QueueAtView, queue_at_view
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, PositionHeader, json_response

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=PROBLEMS)


@router.get("/events", response_model=FoundCommitsView, summary="Find commits by a question")
async def search_events(
    query: Annotated[EventsQuery, Query()], api: Api, caller: Caller, read_after: PositionHeader = 0
) -> Response:
    """Find the commits of all jobs that meet every condition of a question, newest first."""
    request = audit.SearchEventsRequest(
        query=query.query,
        page_size=query.limit,
        oldest_first=query.oldest_first,
        after=query.after,
        min_position=max(query.min_position, read_after),
    )
    answer = await api.call(api.audit.SearchEvents, request, caller)
    return json_response(found_commits_view(answer), position=answer.position)


@router.get("/commands", response_model=CommandCountsView, summary="Count commits by actor and command")
async def count_commands(
    query: Annotated[CommandsQuery, Query()], api: Api, caller: Caller, read_after: PositionHeader = 0
) -> Response:
    """Count the commits that a question asks for by actor and command: who did what."""
    request = audit.CountCommandsRequest(
        query=query.query, limit=query.limit, min_position=max(query.min_position, read_after)
    )
    return json_response(command_counts_view(await api.call(api.audit.CountCommands, request, caller)))


@router.get("/reads", response_model=FoundReadsView, summary="Find reads by a question: who read what")
async def search_reads(query: Annotated[ReadsQuery, Query()], api: Api, caller: Caller) -> Response:
    """Find recorded reads that meet every condition of a question, newest first."""
    request = audit.SearchReadsRequest(
        query=query.query, page_size=query.limit, oldest_first=query.oldest_first, after=query.after
    )
    return json_response(found_reads_view(await api.call(api.audit.SearchReads, request, caller)))


@router.get("/queue", response_model=QueueAtView, summary="The queue and the fleet at a time or position")
async def queue_at(
    api: Api,
    caller: Caller,
    as_of: Annotated[
        str | None,
        Query(
            max_length=64,
            description="A position or an RFC 3339 time. Without it, the last position.",
            examples=["42", "2026-11-22T15:00:00Z"],
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most jobs in each of the two lists.")] = 100,
) -> Response:
    """Read which jobs were queued, in which order, and which ran on which workers."""
    request = audit.GetQueueAtRequest(limit=limit)
    fill_moment(request, as_of)
    answer = await api.call(api.audit.GetQueueAt, request, caller)
    return json_response(queue_at_view(answer), position=answer.position)
