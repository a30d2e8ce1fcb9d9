"""POST /api/v1/bulk: one command for many jobs."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import TypeAlias

from fastapi import APIRouter
from starlette.responses import Response

from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.enum_names import PRIORITY_NUMBERS
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import invalid
from kinolog_gateway.requests.queries import BulkRequest
from kinolog_gateway.responses.commands import BulkResponse, bulk_response
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, Now, json_response
from kinolog_gateway.upstream import BULK_SECONDS, Upstream

router = APIRouter(prefix="/api/v1", tags=["commands"], responses=PROBLEMS)

BulkApiResponse: TypeAlias = (
    pb.BulkCancelJobsResponse
    | pb.BulkRetryJobsResponse
    | pb.BulkReprioritizeJobsResponse
    | pb.BulkPauseJobsResponse
    | pb.BulkResumeJobsResponse
    | pb.BulkEraseJobsResponse
)


@router.post("/bulk", response_model=BulkResponse, summary="Command many jobs")
async def bulk(body: BulkRequest, api: Api, caller: Caller, now: Now) -> Response:
    """Cancel, retry, reprioritize, pause, resume or erase many jobs. A refused job does not affect the others.

    A filter selects the oldest 1,000 jobs that match it; `remaining` says how many are left.
    """
    _check(body)
    response = await _send(body, api, caller, now)
    view = bulk_response(list(response.results), response.position, response.remaining)
    return json_response(view, position=response.position)


def _check(body: BulkRequest) -> None:
    if body.job_ids is None and body.filter is None:
        raise invalid("job_ids", "is required, unless a filter is given")
    changes_priority = body.action in ("reprioritize", "reprioritise")
    if changes_priority and body.priority is None:
        raise invalid("priority", "is required to reprioritize")
    if not changes_priority and body.priority is not None:
        raise invalid("priority", f"does not belong to {body.action}; to choose jobs, give filter.priority")
    if body.reason is not None and body.action != "cancel":
        raise invalid("reason", f"does not belong to {body.action}; leave it out")
    if body.erasure_id is not None and body.action != "erase":
        raise invalid("erasure_id", f"does not belong to {body.action}; leave it out")
    if body.dry_run and body.action != "erase":
        raise invalid("dry_run", f"does not belong to {body.action}; leave it out")


def _send(body: BulkRequest, api: Upstream, caller: HttpCaller, now: datetime) -> Awaitable[BulkApiResponse]:
    jobs = pb.JobSelection(job_ids=body.job_ids or [])
    if body.filter is not None:
        jobs.filter.CopyFrom(body.filter.to_proto(now))
    match body.action:
        case "cancel":
            cancel = pb.BulkCancelJobsRequest(selection=jobs, reason=body.reason or "")
            return api.call(api.jobs.BulkCancelJobs, cancel, caller, BULK_SECONDS)
        case "retry":
            retry = pb.BulkRetryJobsRequest(selection=jobs)
            return api.call(api.jobs.BulkRetryJobs, retry, caller, BULK_SECONDS)
        case "pause":
            pause = pb.BulkPauseJobsRequest(selection=jobs)
            return api.call(api.jobs.BulkPauseJobs, pause, caller, BULK_SECONDS)
        case "resume":
            resume = pb.BulkResumeJobsRequest(selection=jobs)
            return api.call(api.jobs.BulkResumeJobs, resume, caller, BULK_SECONDS)
        case "erase":
            erase = pb.BulkEraseJobsRequest(
                selection=jobs, erasure_id=body.erasure_id or "", dry_run=body.dry_run or False
            )
            return api.call(api.jobs.BulkEraseJobs, erase, caller, BULK_SECONDS)
        case _:
            number = PRIORITY_NUMBERS[body.priority or "medium"]
            reprioritize = pb.BulkReprioritizeJobsRequest(selection=jobs, priority=number)
            return api.call(api.jobs.BulkReprioritizeJobs, reprioritize, caller, BULK_SECONDS)
