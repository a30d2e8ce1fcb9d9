"""Jobs of clients of other services: the one of an id, where erased ones are there no more, and why one failed."""

from __future__ import annotations

import grpc
from grpc.aio import AioRpcError

from kinolog.ids import is_job_id, new_id
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.upstream import Upstream


async def known_job(api: Upstream, caller: HttpCaller, job_id: str, *, erased: bool = False) -> job_pb2.Job:
    """Return a job. With `erased` also one that is erased. Raises `HttpProblemError`, `AioRpcError`."""
    if not is_job_id(job_id):
        raise _unknown()
    job = await api.job(job_id, caller)
    if job.erased and not erased:
        raise _unknown()
    return job


def _unknown() -> HttpProblemError:
    return HttpProblemError(404, "JOB_NOT_FOUND", "there is no such video")


def failure(job: job_pb2.Job) -> job_pb2.JobError | None:
    """Return why a job failed, or that it was cancelled. None for other jobs."""
    match job.status:
        case job_pb2.STATUS_CANCELLED:
            return job_pb2.JobError(code="CANCELLED", message="the video was cancelled")
        case job_pb2.STATUS_FAILED:
            return job.error
    return None


async def cancelled_job(api: Upstream, caller: HttpCaller, job: job_pb2.Job) -> job_pb2.Job:
    """Cancel a job and return it. One that has ended stays as it is. Raises `AioRpcError`."""
    request = pb.CancelJobRequest(job_id=job.id, request_id=new_id())
    try:
        return (await api.call(api.jobs.CancelJob, request, caller)).job
    except AioRpcError as error:
        if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
            raise
    return await api.job(job.id, caller)
