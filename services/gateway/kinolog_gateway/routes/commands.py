"""Routes that change something: submit, cancel, retry, priority, prefetch, erase, bulk."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Header
from starlette.responses import Response

from kinolog.ids import new_id
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.enum_names import PRIORITY_NUMBERS
from kinolog_gateway.http.problems import invalid
from kinolog_gateway.requests.generate import GenerateRequest
from kinolog_gateway.requests.queries import CancelRequest, PriorityRequest
from kinolog_gateway.requests.value_types import RequestId
from kinolog_gateway.responses.commands import (
    CommandResponse,
    GenerateResponse,
    command_response,
    generate_response,
)
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Asker, JobIdPath, answer

router = APIRouter(prefix="/mcp", tags=["commands"], responses=PROBLEMS)

IdempotencyKey = Annotated[
    RequestId | None,
    Header(
        alias="Idempotency-Key",
        description="Id of this request: the same id has one effect. Letters, digits and ._:-",
        examples=["nightly-2026-11-22"],
    ),
]


@router.post(
    "/generate",
    status_code=202,
    response_model=GenerateResponse,
    responses={
        200: {"model": GenerateResponse, "description": "The request id found a job that was there before."}
    },
    summary="Submit a job",
)
async def generate(
    body: GenerateRequest, api: Api, asker: Asker, idempotency_key: IdempotencyKey = None
) -> Response:
    """Submit a job. The same request id with the same body finds the job that it made before."""
    if body.request_id and idempotency_key and body.request_id != idempotency_key:
        raise invalid("request_id", "differs from the header Idempotency-Key; give one of them")
    request = body.to_proto(body.request_id or idempotency_key or new_id())
    submitted = await api.call(api.jobs.SubmitJob, request, asker)
    return answer(
        generate_response(submitted),
        202 if submitted.created else 200,
        submitted.position,
        {"Location": f"/mcp/status/{submitted.job.id}"},
    )


@router.post("/cancel/{job_id}", response_model=CommandResponse, summary="Cancel a job")
async def cancel(
    job_id: JobIdPath,
    api: Api,
    asker: Asker,
    body: Annotated[CancelRequest | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Cancel a job: at once when it waits, at the next step when it runs."""
    request = pb.CancelJobRequest(
        job_id=job_id,
        request_id=idempotency_key or new_id(),
        reason=(body.reason or "") if body else "",
    )
    done = await api.call(api.jobs.CancelJob, request, asker)
    return answer(command_response(done.job, done.position), position=done.position)


@router.post("/retry/{job_id}", response_model=CommandResponse, summary="Retry a job")
async def retry(
    job_id: JobIdPath, api: Api, asker: Asker, idempotency_key: IdempotencyKey = None
) -> Response:
    """Put a failed or cancelled job into the queue again."""
    request = pb.RetryJobRequest(job_id=job_id, request_id=idempotency_key or new_id())
    done = await api.call(api.jobs.RetryJob, request, asker)
    return answer(command_response(done.job, done.position), position=done.position)


@router.post("/priority/{job_id}", response_model=CommandResponse, summary="Change a job's priority")
async def priority(
    job_id: JobIdPath,
    body: PriorityRequest,
    api: Api,
    asker: Asker,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Give a job that has not ended another priority."""
    request = pb.ReprioritizeJobRequest(
        job_id=job_id,
        request_id=idempotency_key or new_id(),
        priority=PRIORITY_NUMBERS[body.priority],  # type: ignore[arg-type]  # an enum's number
    )
    done = await api.call(api.jobs.ReprioritizeJob, request, asker)
    return answer(command_response(done.job, done.position), position=done.position)


@router.post("/prefetch/{job_id}", response_model=CommandResponse, summary="Warm up for a job")
async def prefetch(
    job_id: JobIdPath, api: Api, asker: Asker, idempotency_key: IdempotencyKey = None
) -> Response:
    """Warm what a queued job needs: weights and the prompt's embedding."""
    request = pb.PrefetchJobRequest(job_id=job_id, request_id=idempotency_key or new_id())
    done = await api.call(api.jobs.PrefetchJob, request, asker)
    return answer(command_response(done.job, done.position), position=done.position)


@router.delete("/jobs/{job_id}", response_model=CommandResponse, summary="Erase a job")
async def erase(
    job_id: JobIdPath, api: Api, asker: Asker, idempotency_key: IdempotencyKey = None
) -> Response:
    """Erase the prompts and files of a job that has ended, for good. Its history without them stays."""
    request = pb.EraseJobRequest(job_id=job_id, request_id=idempotency_key or new_id())
    done = await api.call(api.jobs.EraseJob, request, asker)
    return answer(command_response(done.job, done.position), position=done.position)
