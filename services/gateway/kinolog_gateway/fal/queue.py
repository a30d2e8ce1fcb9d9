"""Routes of fal's queue: submit, status, result, cancel. Errors are problems, whose `detail` its client reads."""

from __future__ import annotations

from math import ceil
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1.ticket_service_pb2 import CreateFileTicketRequest
from kinolog_gateway.compatibility.field_names import FieldNames
from kinolog_gateway.compatibility.known_job import cancelled_job, known_job
from kinolog_gateway.compatibility.request_body import read_body
from kinolog_gateway.enum_names import TERMINAL
from kinolog_gateway.fal.queued_request import PREFIX, FalRequest, FalResult, fal_request, fal_result
from kinolog_gateway.http.openapi import described_body
from kinolog_gateway.http.problems import HttpProblemError, invalid
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, json_response

router = APIRouter(prefix=PREFIX, tags=["fal"], responses=PROBLEMS)

PRIORITY_HEADER = "x-fal-queue-priority"
START_TIMEOUT_HEADER = "x-fal-request-timeout"
"""How many seconds a request may wait until its video is begun: `start_timeout` of fal's client."""

LOG_LINES = 1000

NAMES = FieldNames(
    aliases={
        "num_frames": "frames",
        "frames_per_second": "fps",
        "num_inference_steps": "steps",
        "guidance_scale": "guidance",
        "enable_prompt_expansion": "enhance_prompt",
    },
    roles={
        "image_url": "first_frame",
        "start_image_url": "first_frame",
        "end_image_url": "last_frame",
        "last_image_url": "last_frame",
        "tail_image_url": "last_frame",
        "reference_image_urls": "reference",
        "video_url": "video",
    },
    ratio="aspect_ratio",
    resolution="resolution",
)
"""Names that models of fal have for their arguments."""

IGNORED = frozenset({"enable_safety_checker", "sync_mode"})
"""Arguments without a meaning here."""

AppPath = Annotated[str, Path(description="Words of which one is the name of a model, or default.")]
RequestIdPath = Annotated[str, Path(description="The request: 26 lower-case letters and digits.")]
_BODY = described_body(
    {
        "application/json": {
            "type": "object",
            "required": ["prompt"],
            "properties": {"prompt": {"type": "string"}},
            "description": "num_frames, num_inference_steps, guidance_scale, aspect_ratio, resolution, "
            "image_url and so on, or fields of POST /api/v1/generate.",
        }
    }
)


@router.get(
    "/{app:path}/requests/{request_id}/status",
    response_model=FalRequest,
    summary="Status of a request for clients of fal",
)
async def fal_status(
    request: Request,
    app: AppPath,
    request_id: RequestIdPath,
    api: Api,
    caller: Caller,
    logs: Annotated[bool, Query(description="Whether to return log lines.")] = False,
) -> Response:
    """Read whether a video waits, is made, or has ended."""
    job = await known_job(api, caller, request_id)
    lines: list[job_pb2.LogEntry] | None = None
    if logs:
        listing = pb.ListLogEntriesRequest(job_id=job.id, page_size=LOG_LINES)
        lines = list((await api.call(api.jobs.ListLogEntries, listing, caller)).entries)
    return json_response(fal_request(request, app, job, lines), position=job.position)


@router.put(
    "/{app:path}/requests/{request_id}/cancel",
    status_code=202,
    response_model=FalRequest,
    summary="Cancel a request for clients of fal",
)
async def cancel_fal_request(
    request: Request, app: AppPath, request_id: RequestIdPath, api: Api, caller: Caller
) -> Response:
    """Cancel a video. One that has ended stays as it is."""
    job = await cancelled_job(api, caller, await known_job(api, caller, request_id))
    return json_response(fal_request(request, app, job), status=202, position=job.position)


@router.get(
    "/{app:path}/requests/{request_id}",
    response_model=FalResult,
    summary="Result of a request for clients of fal",
)
async def read_fal_result(
    request: Request, app: AppPath, request_id: RequestIdPath, api: Api, caller: Caller
) -> Response:
    """Read where the video is. 422 if it failed or was cancelled, 409 until it has ended."""
    job = await known_job(api, caller, request_id)
    ended = fal_request(request, app, job)
    if job.status in TERMINAL and ended.error:
        raise HttpProblemError(422, (ended.error_type or "failed").upper(), ended.error)
    found = await api.call(api.jobs.GetResult, pb.GetResultRequest(job_id=job.id), caller)
    ticket = ""
    if caller.key:
        wanted = CreateFileTicketRequest(job_id=job.id)
        ticket = (await api.call(api.tickets.CreateFileTicket, wanted, caller)).ticket
    return json_response(fal_result(request, job, found, ticket), position=job.position)


@router.post(
    "/{app:path}",
    response_model=FalRequest,
    openapi_extra=_BODY,
    summary="Submit a request for clients of fal",
)
async def submit_fal_request(
    request: Request,
    app: AppPath,
    api: Api,
    caller: Caller,
    fal_webhook: Annotated[
        str,
        Query(max_length=2000, description="Address to call when it ends, with a message like that of fal."),
    ] = "",
) -> Response:
    """Submit a video. The path has the name of a model."""
    body = (await read_body(request, api, caller)).fields
    fields = {name: value for name, value in body.items() if value is not None and name not in IGNORED}
    if fal_webhook:
        fields |= {"webhook": fal_webhook, "webhook_format": "fal"}
    if request.headers.get(PRIORITY_HEADER) == "low":
        fields.setdefault("priority", "low")
    if timeout := request.headers.get(START_TIMEOUT_HEADER):
        fields.setdefault("start_timeout_seconds", _whole_seconds(timeout))
    answer = await NAMES.submit(request, api, caller, fields, app, *reversed(app.split("/")))
    return json_response(fal_request(request, app, answer.job), position=answer.position)


def _whole_seconds(text: str) -> int:
    """Return the seconds in a header, rounded up. Raises `HttpProblemError` for another text."""
    try:
        return ceil(float(text))
    except (ValueError, OverflowError):
        raise invalid(START_TIMEOUT_HEADER, "must be a number of seconds") from None
