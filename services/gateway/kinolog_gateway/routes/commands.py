"""Routes of commands for one job: plan, submit, reproduce, cancel, retry, priority, prefetch, erase."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import APIRouter, Body, Depends, Header, Query
from starlette.responses import Response

from kinolog.ids import new_id, new_request_id
from kinolog.ports.clock import system_clock
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.enum_names import PRIORITY_NUMBERS
from kinolog_gateway.http import text_patterns
from kinolog_gateway.http.edge.public_path import public_path
from kinolog_gateway.http.problems import invalid
from kinolog_gateway.requests.generate import GenerateRequest
from kinolog_gateway.requests.queries import CancelRequest, PriorityRequest, ReproduceRequest
from kinolog_gateway.requests.value_types import RequestId
from kinolog_gateway.responses.commands import (
    CommandResponse,
    GenerateResponse,
    command_response,
    generate_response,
)
from kinolog_gateway.responses.storyboards.job_plan import JobPlanView, job_plan_view
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, JobIdPath, json_response
from kinolog_gateway.upstream import COPY_SECONDS

router = APIRouter(prefix="/api/v1", tags=["commands"], responses=PROBLEMS)

IdempotencyKey = Annotated[
    RequestId | None,
    Header(
        alias="Idempotency-Key",
        description="Id of this request. Repeated requests with the same id have one effect. Letters, digits and ._:-",
        examples=["nightly-2026-11-22"],
    ),
]


async def _request_id(idempotency_key: IdempotencyKey = None) -> str:
    return idempotency_key or new_id()


CommandRequestId = Annotated[str, Depends(_request_id)]
ErasureId = Annotated[
    str,
    Query(
        pattern=text_patterns.ID_OR_NONE,
        description="Id of the erasure. Requests with one id are one erasure in certificates.",
    ),
]


@router.post(
    "/generate",
    status_code=202,
    response_model=GenerateResponse,
    responses={200: {"model": GenerateResponse, "description": "The request id belongs to an earlier job."}},
    summary="Submit a job",
)
async def generate(
    body: GenerateRequest, api: Api, caller: Caller, idempotency_key: IdempotencyKey = None
) -> Response:
    """Submit a job. A repeated request id with the same body returns the earlier job."""
    if body.request_id and idempotency_key and body.request_id != idempotency_key:
        raise invalid("request_id", "differs from the header Idempotency-Key; give one of them")
    request = body.to_proto(body.request_id or idempotency_key or new_request_id(system_clock()))
    return _accepted(await api.submit(request, caller))


@router.post("/plan", response_model=JobPlanView, summary="Plan a job")
async def plan(body: GenerateRequest, api: Api, caller: Caller) -> Response:
    """Say what a job would be: its scenes, its size and an estimate, or why it would be refused. Nothing is stored."""
    request = pb.PlanJobRequest(job=body.to_proto(body.request_id or ""))
    return json_response(job_plan_view(await api.call(api.jobs.PlanJob, request, caller)))


@router.post(
    "/reproduce/{job_id}",
    status_code=202,
    response_model=GenerateResponse,
    responses={200: {"model": GenerateResponse, "description": "The request id belongs to an earlier job."}},
    summary="Reproduce a job",
)
async def reproduce(
    job_id: JobIdPath,
    api: Api,
    caller: Caller,
    request_id: CommandRequestId,
    body: Annotated[ReproduceRequest | None, Body()] = None,
) -> Response:
    """Render a completed job again from what is on record. The new job says how the two videos compare."""
    request = pb.ReproduceJobRequest(
        job_id=job_id, request_id=request_id, priority=PRIORITY_NUMBERS[(body or ReproduceRequest()).priority]
    )
    reproduced = await api.call(api.jobs.ReproduceJob, request, caller, COPY_SECONDS)
    return _accepted(reproduced)


def _accepted(answer: pb.SubmitJobResponse | pb.ReproduceJobResponse) -> Response:
    """Return the response with a job that is new, or that an earlier request with the same id made."""
    return json_response(
        generate_response(answer),
        status=202 if answer.created else 200,
        position=answer.position,
        headers={"Location": public_path(f"/api/v1/status/{answer.job.id}")},
    )


class JobCommandResponse(Protocol):
    """The api's response to a command for one job."""

    @property
    def job(self) -> job_pb2.Job:
        """The job after the command."""

    @property
    def position(self) -> int:
        """Position of the commit."""


def _command_response(response: JobCommandResponse) -> Response:
    body = command_response(response.job, response.position)
    return json_response(body, position=response.position)


@router.post("/cancel/{job_id}", response_model=CommandResponse, summary="Cancel a job")
async def cancel(
    job_id: JobIdPath,
    api: Api,
    caller: Caller,
    request_id: CommandRequestId,
    body: Annotated[CancelRequest | None, Body()] = None,
) -> Response:
    """Cancel a job: at once if it is queued, at the next step if it is processing."""
    request = pb.CancelJobRequest(
        job_id=job_id,
        request_id=request_id,
        reason=(body.reason or "") if body else "",
    )
    response = await api.call(api.jobs.CancelJob, request, caller)
    return _command_response(response)


@router.post("/retry/{job_id}", response_model=CommandResponse, summary="Retry a job")
async def retry(job_id: JobIdPath, api: Api, caller: Caller, request_id: CommandRequestId) -> Response:
    """Put a failed or cancelled job into the queue again."""
    request = pb.RetryJobRequest(job_id=job_id, request_id=request_id)
    response = await api.call(api.jobs.RetryJob, request, caller)
    return _command_response(response)


@router.post("/priority/{job_id}", response_model=CommandResponse, summary="Change a job's priority")
async def priority(
    job_id: JobIdPath,
    body: PriorityRequest,
    api: Api,
    caller: Caller,
    request_id: CommandRequestId,
) -> Response:
    """Change the priority of a job that has not ended."""
    request = pb.ReprioritizeJobRequest(
        job_id=job_id,
        request_id=request_id,
        priority=PRIORITY_NUMBERS[body.priority],
    )
    response = await api.call(api.jobs.ReprioritizeJob, request, caller)
    return _command_response(response)


@router.post("/pause/{job_id}", response_model=CommandResponse, summary="Pause a job")
async def pause(job_id: JobIdPath, api: Api, caller: Caller, request_id: CommandRequestId) -> Response:
    """Pause a job that has not ended. No attempt starts; a running one ends at its next step, with a checkpoint."""
    request = pb.PauseJobRequest(job_id=job_id, request_id=request_id)
    response = await api.call(api.jobs.PauseJob, request, caller)
    return _command_response(response)


@router.post("/resume/{job_id}", response_model=CommandResponse, summary="Resume a paused job")
async def resume(job_id: JobIdPath, api: Api, caller: Caller, request_id: CommandRequestId) -> Response:
    """End the pause of a job. It goes on where it was, before other jobs of its priority."""
    request = pb.ResumeJobRequest(job_id=job_id, request_id=request_id)
    response = await api.call(api.jobs.ResumeJob, request, caller)
    return _command_response(response)


@router.post("/prefetch/{job_id}", response_model=CommandResponse, summary="Prefetch for a job")
async def prefetch(job_id: JobIdPath, api: Api, caller: Caller, request_id: CommandRequestId) -> Response:
    """Load what a queued job needs before it starts: weights and prompt embeddings."""
    request = pb.PrefetchJobRequest(job_id=job_id, request_id=request_id)
    response = await api.call(api.jobs.PrefetchJob, request, caller)
    return _command_response(response)


@router.delete("/jobs/{job_id}", response_model=CommandResponse, summary="Erase a job")
async def erase(
    job_id: JobIdPath, api: Api, caller: Caller, request_id: CommandRequestId, erasure_id: ErasureId = ""
) -> Response:
    """Permanently erase the prompts and files of a job that has ended. Its history stays, without them."""
    request = pb.EraseJobRequest(job_id=job_id, request_id=request_id, erasure_id=erasure_id)
    response = await api.call(api.jobs.EraseJob, request, caller)
    return _command_response(response)
