"""Routes for pauses of the queue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from starlette.responses import Response

from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.enum_names import PRIORITY_NUMBERS
from kinolog_gateway.requests.queue import PauseQueueBody, ResumeQueueBody
from kinolog_gateway.responses.pauses.queue_pause import QueuePauseListView
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, json_response

router = APIRouter(prefix="/api/v1/queue", tags=["queue"], responses=PROBLEMS)


@router.get("", response_model=QueuePauseListView, summary="Pauses of the queue")
async def queue_pauses(api: Api, caller: Caller) -> Response:
    """List the pauses of the queue that stand."""
    answer = await api.call(api.jobs.ListQueuePauses, pb.ListQueuePausesRequest(), caller)
    return json_response(QueuePauseListView.of(answer.pauses))


@router.post("/pause", response_model=QueuePauseListView, summary="Pause the queue")
async def pause_queue(
    api: Api, caller: Caller, body: Annotated[PauseQueueBody | None, Body()] = None
) -> Response:
    """Pause the queue, or one priority of it, for all tenants. Jobs are taken and wait; running ones go on."""
    body = body or PauseQueueBody()
    request = pb.PauseQueueRequest(reason=body.reason or "")
    if body.priority is not None:
        request.priority = PRIORITY_NUMBERS[body.priority]
    answer = await api.call(api.jobs.PauseQueue, request, caller)
    return json_response(QueuePauseListView.of(answer.pauses))


@router.post("/resume", response_model=QueuePauseListView, summary="Resume the queue")
async def resume_queue(
    api: Api, caller: Caller, body: Annotated[ResumeQueueBody | None, Body()] = None
) -> Response:
    """End the pause of one priority, or all pauses."""
    request = pb.ResumeQueueRequest()
    if body is not None and body.priority is not None:
        request.priority = PRIORITY_NUMBERS[body.priority]
    answer = await api.call(api.jobs.ResumeQueue, request, caller)
    return json_response(QueuePauseListView.of(answer.pauses))
