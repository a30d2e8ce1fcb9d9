"""Tools that plan, make, read, list and cancel jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import anyio
from grpc.aio import AioRpcError

from kinolog.counts import counted
from kinolog.ids import new_id, new_request_id
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1.ticket_service_pb2 import CreateFileTicketRequest
from kinolog_gateway.enum_names import TERMINAL, status_name, to_datetime
from kinolog_gateway.http import grpc_errors
from kinolog_gateway.http.edge.browser_credentials import signed_path
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.mcp.arguments import (
    CancelVideoArguments,
    GenerateVideoArguments,
    GetVideoArguments,
    ListVideosArguments,
    PlanVideoArguments,
    ShareVideoArguments,
)
from kinolog_gateway.mcp.call import McpCall
from kinolog_gateway.mcp.job_files import KINDS, file_links, file_path
from kinolog_gateway.mcp.results import (
    SharedVideo,
    VideoList,
    VideoResult,
    next_step,
    plan_result,
    video_job,
)
from kinolog_gateway.mcp.tool import ToolOutput
from kinolog_gateway.requests.queries import JobsQuery
from kinolog_gateway.responses.commands import JobSummary
from kinolog_gateway.upstream import READ_SECONDS

NOT_WAITED = "This call did not wait, because too many others wait already."


async def generate_video(call: McpCall, arguments: GenerateVideoArguments) -> ToolOutput:
    """Submit a job, and wait for its end. Of variants the first one is waited for."""
    request = arguments.to_proto(arguments.request_id or new_request_id(call.now))
    # A submit that is cancelled half-way may have made a job, which would not be cancelled with the call.
    with anyio.CancelScope(shield=arguments.cancel_with_call):
        submitted = await call.api.submit(request, call.caller)
    variants = [variant.id for variant in submitted.variants]
    try:
        return await _waited(call, submitted.job, arguments.wait_seconds, variants)
    except asyncio.CancelledError:
        if arguments.cancel_with_call and not call.waits.is_stopping:
            await _cancel_left_jobs(call, variants or [submitted.job.id])
        raise


async def plan_video(call: McpCall, arguments: PlanVideoArguments) -> ToolOutput:
    """Say what a job would be. Nothing is stored."""
    request = pb.PlanJobRequest(job=arguments.to_proto(arguments.request_id or ""))
    result = plan_result(await call.api.call(call.api.jobs.PlanJob, request, call.caller))
    length = f"{counted(len(result.scenes), 'scene')}, {result.duration_seconds:g} s"
    seconds = result.estimated_seconds
    return ToolOutput(result, length if seconds is None else f"{length}, about {seconds:.0f} s of work")


async def get_video(call: McpCall, arguments: GetVideoArguments) -> ToolOutput:
    """Read a job, and wait for its end."""
    job = await call.api.job(arguments.job_id, call.caller)
    return await _waited(call, job, arguments.wait_seconds)


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


async def share_video(call: McpCall, arguments: ShareVideoArguments) -> ToolOutput:
    """Make links to the files of a completed job, with a ticket in place of the caller's key."""
    job_id = arguments.job_id
    found = await call.api.call(call.api.jobs.GetResult, pb.GetResultRequest(job_id=job_id), call.caller)
    names = [name for name, kind in KINDS.items() if any(one.kind == kind for one in found.artifacts)]
    links = {name: call.base_url + file_path(job_id, name) for name in names}
    expires_at = None
    if call.caller.key:
        wanted = CreateFileTicketRequest(job_id=job_id, valid_seconds=arguments.valid_seconds)
        issued = await call.api.call(call.api.tickets.CreateFileTicket, wanted, call.caller)
        links = {name: signed_path(link, issued.ticket) for name, link in links.items()}
        expires_at = to_datetime(issued.expires_at)
    result = SharedVideo(
        job_id=job_id, video=links["video"], poster=links.get("poster"), expires_at=expires_at
    )
    return ToolOutput(result, f"The video: {result.video}")


async def _waited(call: McpCall, job: job_pb2.Job, seconds: int, variants: Sequence[str] = ()) -> ToolOutput:
    if not seconds or job.status in TERMINAL:
        return _output(call, job, variants)
    if not call.waits.has_room(call.caller):
        return _output(call, job, variants, NOT_WAITED)
    try:
        return _output(call, await call.waits.wait(call.caller, job.id, seconds, call.report), variants)
    except (AioRpcError, HttpProblemError) as error:
        detail = grpc_errors.refusal(error).problem.detail
        return _output(call, job, variants, f"This call could not wait: {detail}.")


def _output(call: McpCall, job: job_pb2.Job, variants: Sequence[str] = (), note: str = "") -> ToolOutput:
    others = f"Its {len(variants)} variants are jobs of their own: call list_videos with variant_of {job.id}."
    step = " ".join(filter(None, (note, next_step(job), others if variants else "")))
    result = VideoResult(job=video_job(job, call.base_url), variants=list(variants), next_step=step)
    sentence = f"Job {job.id} is {status_name(job.status)}. {step}"
    return ToolOutput(result, sentence, file_links(job, call.base_url))


async def _cancel_left_jobs(call: McpCall, job_ids: Sequence[str]) -> None:
    """Cancel the jobs of a call that was cancelled. If the api does not answer, they go on."""
    with anyio.move_on_after(READ_SECONDS, shield=True):
        for job_id in job_ids:
            request = pb.CancelJobRequest(job_id=job_id, request_id=new_id())
            try:
                await call.api.call(call.api.jobs.CancelJob, request, call.caller)
            except AioRpcError:
                continue
