"""Tools that make, read, list and cancel jobs."""

from __future__ import annotations

import asyncio

import anyio
from grpc.aio import AioRpcError

from kinolog.counts import counted
from kinolog.ids import new_id, new_request_id
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.enum_names import TERMINAL, status_name
from kinolog_gateway.http import grpc_errors
from kinolog_gateway.mcp.arguments import (
    CancelVideoArguments,
    GenerateVideoArguments,
    GetVideoArguments,
    ListVideosArguments,
)
from kinolog_gateway.mcp.call import McpCall
from kinolog_gateway.mcp.job_files import file_links
from kinolog_gateway.mcp.results import VideoList, VideoResult, next_step, video_job
from kinolog_gateway.mcp.tool import ToolOutput
from kinolog_gateway.requests.queries import JobsQuery
from kinolog_gateway.responses.commands import JobSummary
from kinolog_gateway.upstream import COPY_SECONDS, READ_SECONDS

NOT_WAITED = "This call did not wait, because too many others wait already."


async def generate_video(call: McpCall, arguments: GenerateVideoArguments) -> ToolOutput:
    """Submit a job, and wait for its end."""
    request = arguments.to_proto(arguments.request_id or new_request_id(call.now))
    seconds = COPY_SECONDS if request.inputs else READ_SECONDS
    # A submit that is cancelled half-way may have made a job, which would not be cancelled with the call.
    with anyio.CancelScope(shield=arguments.cancel_with_call):
        submitted = await call.api.call(call.api.jobs.SubmitJob, request, call.caller, seconds)
    try:
        return await _waited(call, submitted.job, arguments.wait_seconds)
    except asyncio.CancelledError:
        if arguments.cancel_with_call and not call.waits.is_stopping:
            await _cancel_left_job(call, submitted.job.id)
        raise


async def get_video(call: McpCall, arguments: GetVideoArguments) -> ToolOutput:
    """Read a job, and wait for its end."""
    found = await call.api.call(call.api.jobs.GetJob, pb.GetJobRequest(job_id=arguments.job_id), call.caller)
    return await _waited(call, found.job, arguments.wait_seconds)


async def list_videos(call: McpCall, arguments: ListVideosArguments) -> ToolOutput:
    """List the newest jobs that match a filter."""
    query = JobsQuery.model_validate(arguments.model_dump(exclude_unset=True, by_alias=True))
    listing = pb.ListJobsRequest(
        filter=query.to_proto(call.now),
        order_by="created_at desc",
        page_size=arguments.limit,
        page_token=query.page_token,
    )
    counting = pb.SummarizeJobsRequest(filter=query.to_proto(call.now, statuses=False))
    page, summary = await asyncio.gather(
        call.api.call(call.api.jobs.ListJobs, listing, call.caller),
        call.api.call(call.api.jobs.SummarizeJobs, counting, call.caller),
    )
    result = VideoList(
        jobs=[video_job(job, call.base_url) for job in page.jobs],
        counts=JobSummary.of(summary),
        next_cursor=query.next_cursor(page.next_page_token, call.now),
    )
    return ToolOutput(result, f"{len(result.jobs)} of {counted(result.counts.total, 'job')}")


async def cancel_video(call: McpCall, arguments: CancelVideoArguments) -> ToolOutput:
    """Cancel a job."""
    request = pb.CancelJobRequest(job_id=arguments.job_id, request_id=new_id(), reason=arguments.reason or "")
    return _output(call, (await call.api.call(call.api.jobs.CancelJob, request, call.caller)).job)


async def _waited(call: McpCall, job: job_pb2.Job, seconds: int) -> ToolOutput:
    if not seconds or job.status in TERMINAL:
        return _output(call, job)
    if not call.waits.has_room(call.caller):
        return _output(call, job, NOT_WAITED)
    try:
        return _output(call, await call.waits.wait(call.caller, job.id, seconds, call.report))
    except AioRpcError as error:
        problem = grpc_errors.from_call(error).problem
        return _output(call, job, f"This call could not wait: {problem.detail}.")


def _output(call: McpCall, job: job_pb2.Job, note: str = "") -> ToolOutput:
    step = " ".join(filter(None, (note, next_step(job))))
    result = VideoResult(job=video_job(job, call.base_url), next_step=step)
    sentence = f"Job {job.id} is {status_name(job.status)}. {step}"
    return ToolOutput(result, sentence, file_links(job, call.base_url))


async def _cancel_left_job(call: McpCall, job_id: str) -> None:
    """Cancel the job of a call that was cancelled. If the api does not answer, the job goes on."""
    request = pb.CancelJobRequest(job_id=job_id, request_id=new_id())
    with anyio.move_on_after(READ_SECONDS, shield=True):
        try:
            await call.api.call(call.api.jobs.CancelJob, request, call.caller)
        except AioRpcError:
            return
