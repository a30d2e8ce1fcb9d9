"""Routes that read jobs: one job, a list, scenes, log lines, history."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.enum_names import LOG_LEVEL_NUMBERS
from kinolog_gateway.requests.moments import fill_moment
from kinolog_gateway.requests.queries import JobsQuery, LogsQuery
from kinolog_gateway.responses.commands import JobList, job_list
from kinolog_gateway.responses.history import HistoryView, LogView, history_view, log_view
from kinolog_gateway.responses.job import JobDetail, job_detail
from kinolog_gateway.responses.storyboards.job_scenes import StoryboardView, storyboard_view
from kinolog_gateway.routes.dependencies import (
    PROBLEMS,
    Api,
    Caller,
    JobIdPath,
    Now,
    PositionHeader,
    ReadAfter,
    json_response,
)

router = APIRouter(prefix="/api/v1", tags=["jobs"], responses=PROBLEMS)


@router.get("/status/{job_id}", response_model=JobDetail, summary="Read a job")
async def status(job_id: JobIdPath, api: Api, caller: Caller, _: ReadAfter) -> Response:
    """Read a job from the log itself. It is never stale, so it includes any minimum position."""
    job = await api.job(job_id, caller)
    return json_response(job_detail(job), position=job.position)


@router.get("/jobs", response_model=JobList, summary="List jobs")
async def jobs(
    query: Annotated[JobsQuery, Query()], api: Api, caller: Caller, now: Now, read_after: PositionHeader = 0
) -> Response:
    """List jobs, with counts of all jobs that match the filter."""
    position = max(query.min_position, read_after)
    listing = pb.ListJobsRequest(
        filter=query.to_proto(now),
        order_by=f"{query.sort} {query.order}",
        page_size=query.limit,
        page_token=query.page_token,
        offset=query.offset,
        min_position=position,
    )
    counting = pb.SummarizeJobsRequest(filter=query.to_proto(now, statuses=False), min_position=position)
    page, summary = await asyncio.gather(
        api.call(api.jobs.ListJobs, listing, caller), api.call(api.jobs.SummarizeJobs, counting, caller)
    )
    cursor = query.next_cursor(page.next_page_token, now)
    response = job_list(
        page,
        summary,
        limit=query.limit,
        offset=query.offset,
        next_cursor=cursor,
        statuses=query.status or (),
    )
    return json_response(response, position=page.position)


@router.get("/storyboard/{job_id}", response_model=StoryboardView, summary="A job's scenes")
async def storyboard(job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Read the scenes of a job. They are planned when it is submitted."""
    found = await api.call(api.jobs.GetStoryboard, pb.GetStoryboardRequest(job_id=job_id), caller)
    return json_response(storyboard_view(job_id, found))


@router.get("/logs/{job_id}", response_model=LogView, summary="A job's log lines")
async def logs(job_id: JobIdPath, query: Annotated[LogsQuery, Query()], api: Api, caller: Caller) -> Response:
    """Read the last log lines of a job, or the first ones after a sequence."""
    request = pb.ListLogEntriesRequest(
        job_id=job_id,
        page_size=query.limit,
        after_sequence=query.after or 0,
        min_level=LOG_LEVEL_NUMBERS[query.level],
    )
    return json_response(log_view(job_id, await api.call(api.jobs.ListLogEntries, request, caller)))


@router.get("/events/{job_id}", response_model=HistoryView, summary="A job's history")
async def events(
    job_id: JobIdPath,
    api: Api,
    caller: Caller,
    as_of: Annotated[
        str | None,
        Query(
            max_length=64,
            description="A position or an RFC 3339 time up to which to read. Without it, the whole history.",
            examples=["42", "2026-11-22T15:00:00Z"],
        ),
    ] = None,
) -> Response:
    """Read the commits of a job up to a time or position, and its state then."""
    request = audit.GetHistoryRequest(job_id=job_id)
    fill_moment(request, as_of)
    return json_response(history_view(job_id, await api.call(api.audit.GetHistory, request, caller)))
