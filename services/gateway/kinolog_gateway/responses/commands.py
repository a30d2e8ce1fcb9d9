"""What commands and lists of jobs answer."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import Field

from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.enum_names import StatusWord, status_name
from kinolog_gateway.http.grpc_errors import from_rpc_status
from kinolog_gateway.http.problems import Problem
from kinolog_gateway.responses.job import JobDetail, JobView, job_detail, job_view
from kinolog_gateway.responses.job_parts import ResponseModel


class CommandResponse(ResponseModel):
    """The job after a command."""

    job_id: str
    status: StatusWord
    position: int = Field(description="Position of the commit; reads take it as min_position.")
    job: JobDetail


class GenerateResponse(CommandResponse):
    """The job that was submitted."""

    created: bool = Field(description="False when the request id found a job that was there before.")


class BulkResult(ResponseModel):
    """What became of one job of a bulk command."""

    job_id: str
    ok: bool
    status: StatusWord | None = Field(description="Where the job stands now; null when it was refused.")
    position: int | None = Field(description="Position of its commit; null when it was refused.")
    error: Problem | None = Field(description="Why it was refused, when it was.")


class BulkResponse(ResponseModel):
    """An answer for each job, in the order of the request."""

    results: list[BulkResult]
    succeeded: int
    failed: int
    position: int = Field(description="Greatest position of the commits; 0 when there was none.")


class JobSummary(ResponseModel):
    """Numbers of jobs by status."""

    total: int
    queued: int
    processing: int
    completed: int
    failed: int
    cancelled: int

    @classmethod
    def of(cls, answer: jobs.SummarizeJobsResponse) -> JobSummary:
        """The counts of an answer."""
        return cls(
            total=answer.total,
            queued=answer.queued,
            processing=answer.processing,
            completed=answer.completed,
            failed=answer.failed,
            cancelled=answer.cancelled,
        )


class JobList(ResponseModel):
    """A page of jobs."""

    jobs: list[JobView]
    summary: JobSummary = Field(description="Of all jobs that the filter finds, whatever their status.")
    limit: int
    offset: int
    total: int = Field(description="How many jobs the filter finds.")
    next_cursor: str | None = Field(description="cursor of the next page; null on the last.")
    position: int = Field(description="The list has seen everything up to this position.")


def command_response(job: pb.Job, position: int) -> CommandResponse:
    """The answer to a command about one job."""
    return CommandResponse(
        job_id=job.id, status=status_name(job.status), position=position, job=job_detail(job)
    )


def generate_response(answer: jobs.SubmitJobResponse) -> GenerateResponse:
    """The answer to a submitted job."""
    job = answer.job
    return GenerateResponse(
        job_id=job.id,
        status=status_name(job.status),
        position=answer.position,
        job=job_detail(job),
        created=answer.created,
    )


def bulk_response(results: list[jobs.BulkResult], position: int) -> BulkResponse:
    """The answer to a bulk command."""
    views = [_bulk_result(result) for result in results]
    succeeded = sum(view.ok for view in views)
    return BulkResponse(results=views, succeeded=succeeded, failed=len(views) - succeeded, position=position)


def _bulk_result(result: jobs.BulkResult) -> BulkResult:
    if result.HasField("error"):
        problem = from_rpc_status(result.error)
        return BulkResult(job_id=result.job_id, ok=False, status=None, position=None, error=problem)
    return BulkResult(
        job_id=result.job_id,
        ok=True,
        status=status_name(result.status),
        position=result.position,
        error=None,
    )


def job_list(
    page: jobs.ListJobsResponse,
    summary: jobs.SummarizeJobsResponse,
    limit: int,
    offset: int,
    next_cursor: str | None,
    statuses: Collection[str] = (),
) -> JobList:
    """A page of jobs with the counts beside it, of the jobs of any status; `statuses` are those of the filter."""
    counts = JobSummary.of(summary)
    # The page does not count what has a text; the summary does, and a job or two may have come between them.
    counted = sum(getattr(counts, status) for status in set(statuses)) if statuses else counts.total
    return JobList(
        jobs=[job_view(job) for job in page.jobs],
        summary=counts,
        limit=limit,
        offset=offset,
        total=page.total_size if page.HasField("total_size") else counted,
        next_cursor=next_cursor,
        position=page.position,
    )
