"""Resources: what a client reads by address, `kinolog://models` and `kinolog://jobs/<id>` with its parts."""

from __future__ import annotations

import re

import mcp_types as types
from grpc.aio import AioRpcError
from mcp.shared.exceptions import MCPError

from kinolog.ids import JOB_ID_PATTERN
from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.enum_names import status_name
from kinolog_gateway.http import grpc_errors
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.mcp.call import McpCall
from kinolog_gateway.mcp.job_files import KINDS, job_uri, read_file
from kinolog_gateway.mcp.results import VideoResult, history_result, next_step, storyboard_result, video_job
from kinolog_gateway.responses.catalogue import models_view
from kinolog_gateway.responses.job_parts import ResponseModel

MODELS_URI = "kinolog://models"
JOBS_PER_PAGE = 50
HISTORY_COMMITS = 200

_JOB_URI = re.compile(rf"{job_uri(f'({JOB_ID_PATTERN})')}(?:/(storyboard|history|video|poster))?")
_JSON = "application/json"

_MODELS = types.Resource(
    name="models",
    title="Models",
    uri=MODELS_URI,
    description="The video models with sizes, limits, styles and defaults.",
    mime_type=_JSON,
)
TEMPLATES = tuple(
    types.ResourceTemplate(
        name=name,
        title=title,
        uri_template=job_uri("{job_id}", part),
        description=text,
        mime_type=kind,
    )
    for name, title, part, text, kind in (
        ("job", "A job", "", "State of a job, and links to its files.", _JSON),
        ("storyboard", "A storyboard", "storyboard", "The scenes of a job.", _JSON),
        ("history", "A history", "history", "The last commits of a job in the append-only log.", _JSON),
        (
            "video",
            "A video",
            "video",
            "The rendered video of a completed job, if it is not too large.",
            None,
        ),
        ("poster", "A poster", "poster", "One frame of a completed job's video as an image.", None),
    )
)


async def list_resources(call: McpCall, cursor: str | None) -> types.ListResourcesResult:
    """List the models, and the newest jobs page by page."""
    request = pb.ListJobsRequest(order_by="created_at desc", page_size=JOBS_PER_PAGE, page_token=cursor or "")
    try:
        page = await call.api.call(call.api.jobs.ListJobs, request, call.caller)
    except AioRpcError as error:
        raise _protocol_error(error) from None
    jobs = [
        types.Resource(
            name=job.id,
            uri=job_uri(job.id),
            description=f"{status_name(job.status)}, {job.spec.model}, {job.spec.width}x{job.spec.height}",
            mime_type=_JSON,
        )
        for job in page.jobs
    ]
    return types.ListResourcesResult(
        resources=jobs if cursor else [_MODELS, *jobs], next_cursor=page.next_page_token or None
    )


async def read_resource(call: McpCall, uri: str) -> types.ReadResourceResult:
    """Read a resource. Raises MCPError."""
    found = _JOB_URI.fullmatch(uri)
    if found is None and uri != MODELS_URI:
        raise MCPError(
            types.INVALID_PARAMS, "there is no such resource; resources/templates/list has their addresses"
        )
    try:
        if found is not None and found[2] in KINDS:
            return types.ReadResourceResult(contents=[await read_file(call, found[1], found[2])])
        model = await _read(call, found[1], found[2]) if found else models_view(await call.models())
    except (AioRpcError, HttpProblemError) as error:
        raise _protocol_error(error) from None
    return types.ReadResourceResult(
        contents=[types.TextResourceContents(uri=uri, mime_type=_JSON, text=model.model_dump_json())]
    )


async def _read(call: McpCall, job_id: str, part: str | None) -> ResponseModel:
    """Return a job, or the part of it with this name."""
    api = call.api
    if part == "storyboard":
        scenes = pb.GetStoryboardRequest(job_id=job_id)
        return storyboard_result(job_id, await api.call(api.jobs.GetStoryboard, scenes, call.caller))
    if part == "history":
        commits = audit.GetHistoryRequest(job_id=job_id)
        history = await api.call(api.audit.GetHistory, commits, call.caller)
        return history_result(job_id, history, HISTORY_COMMITS)
    job = await api.job(job_id, call.caller)
    return VideoResult(job=video_job(job, call.base_url), next_step=next_step(job))


def _protocol_error(error: AioRpcError | HttpProblemError) -> MCPError:
    """Return a refusal as an error of the protocol, which has no results that are errors for resources."""
    problem = grpc_errors.refusal(error).problem
    code = types.INVALID_PARAMS if problem.status < 500 else types.INTERNAL_ERROR
    return MCPError(code, problem.detail, {"reason": problem.reason})
