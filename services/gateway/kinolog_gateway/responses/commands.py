"""Responses of commands and of lists of jobs."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import Field

from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.enum_names import StatusName, status_name
from kinolog_gateway.http.grpc_errors import from_rpc_status
from kinolog_gateway.http.problems import Problem
from kinolog_gateway.responses.job import JobDetail, JobView, job_detail, job_view
from kinolog_gateway.responses.job_parts import ResponseModel


class CommandResponse(ResponseModel):
    """The job after a command."""

    job_id: str
    status: StatusName
    position: int = Field(description="Position of the commit. Reads accept it as min_position.")
    job: JobDetail


class GenerateResponse(CommandResponse):
    """The job that was submitted."""

    created: bool = Field(description="False if the request id belongs to an earlier job.")
    variants: list[JobDetail] = Field(
        description="All jobs of a request with variants, in the order of their seeds; the first is job. Empty for a "
        "single job."
    )


class BulkResult(ResponseModel):
    """The result of a bulk command for one job."""

    job_id: str
    ok: bool
    status: StatusName | None = Field(description="Status of the job now; null if the command was refused.")
    position: int | None = Field(description="Position of its commit; null if the command was refused.")
    error: Problem | None = Field(description="Why the command was refused, if it was.")


class BulkResponse(ResponseModel):
    """A result for each job, in the order of the request."""

    results: list[BulkResult]
    succeeded: int
    failed: int
    remaining: int = Field(
        description="Further jobs that matched the filter: it selects the oldest 1,000. 0 for a list of ids."
    )
    position: int = Field(description="Greatest position of the commits; 0 if there is none.")


class JobSummary(ResponseModel):
    """Job counts by status."""

    total: int
    queued: int
    processing: int
    completed: int
    failed: int
    cancelled: int

    @classmethod
    def of(cls, counts: jobs.SummarizeJobsResponse) -> JobSummary:
        """Return the counts of the api's response."""
        return cls(
            total=counts.total,
            queued=counts.queued,
            processing=counts.processing,
            completed=counts.completed,
            failed=counts.failed,
            cancelled=counts.cancelled,
        )


class JobList(ResponseModel):
    """A page of jobs."""

    jobs: list[JobView]
    summary: JobSummary = Field(
        description="Counts of all jobs that match the filter, whatever their status."
    )
    limit: int
    offset: int
    total: int = Field(description="Number of jobs that match the filter.")
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last.")
    position: int = Field(description="The list contains every commit up to this position.")


def command_response(job: pb.Job, position: int) -> CommandResponse:
    """Return the response of a command for one job."""
    return CommandResponse(
        job_id=job.id, status=status_name(job.status), position=position, job=job_detail(job)
    )


def generate_response(submitted: jobs.SubmitJobResponse | jobs.ReproduceJobResponse) -> GenerateResponse:
    """Return the response of a submit."""
    job = submitted.job
    return GenerateResponse(
        job_id=job.id,
        status=status_name(job.status),
        position=submitted.position,
        job=job_detail(job),
        created=submitted.created,
        variants=[]
        if isinstance(submitted, jobs.ReproduceJobResponse)
        else list(map(job_detail, submitted.variants)),
    )


def bulk_response(results: list[jobs.BulkResult], position: int, remaining: int) -> BulkResponse:
    """Return the response of a bulk command."""
    views = [_bulk_result(result) for result in results]
    succeeded = sum(view.ok for view in views)
    return BulkResponse(
        results=views,
        succeeded=succeeded,
        failed=len(views) - succeeded,
        remaining=remaining,
        position=position,
    )


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
    *,
    limit: int,
    offset: int,
    next_cursor: str | None,
    statuses: Collection[str] = (),
) -> JobList:
    """Return a page of jobs with counts of jobs of any status. `statuses` are those of the filter."""
    counts = JobSummary.of(summary)
    # The page has no count if the filter has a text. The summary has, but may be a commit or two older or newer.
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
