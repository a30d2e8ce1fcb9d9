"""The arguments of the tools."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kinolog_gateway.requests.filters import JobFilterQuery
from kinolog_gateway.requests.generate import GenerateRequest
from kinolog_gateway.requests.queries import CancelRequest
from kinolog_gateway.requests.value_types import JobId, RequestModel

DEFAULT_WAIT_SECONDS = 50
"""Less than the minute after which usual clients give a call up."""
MAX_WAIT_SECONDS = 3_600

WaitSeconds = Annotated[int, Field(strict=True, ge=0, le=MAX_WAIT_SECONDS)]
JobIdField = Annotated[
    JobId,
    Field(description="The job: 26 lower-case letters and digits, as generate_video and list_videos return."),
]


class GenerateVideoArguments(GenerateRequest):
    """A video to generate. Only prompt is needed; the rest has defaults that list_models shows."""

    wait_seconds: WaitSeconds = Field(
        DEFAULT_WAIT_SECONDS,
        description="How long to wait for the end of the job, 0 to 3600. With 0 the job is returned at once. When the "
        "time is over, the job goes on: call get_video. Raise it only if your client lets calls run that long.",
    )
    cancel_with_call: bool = Field(
        False,
        strict=True,
        description="Whether the job is cancelled if this call is cancelled or its connection ends. By default only "
        "the waiting ends, and the job goes on.",
    )


class PlanVideoArguments(GenerateRequest):
    """A video to plan: what generate_video takes, without its waiting."""


class GetVideoArguments(RequestModel):
    """A job to read."""

    job_id: JobIdField
    wait_seconds: WaitSeconds = Field(
        0,
        description="How long to wait for the end of the job, 0 to 3600. With 0 it is returned as it is now.",
    )


class ListVideosArguments(JobFilterQuery):
    """Which jobs to list: those that match every field. The newest are first."""

    limit: Annotated[int, Field(strict=True, ge=1, le=50)] = Field(10, description="Most jobs in the page.")
    cursor: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="next_cursor of the previous page; the other arguments must be the same."
    )


class CancelVideoArguments(CancelRequest):
    """A job to cancel."""

    job_id: JobIdField


class ShareVideoArguments(RequestModel):
    """A completed job whose files to link, and for how long."""

    job_id: JobIdField
    valid_seconds: Annotated[int, Field(strict=True, ge=60, le=86_400)] = Field(
        3_600, description="Seconds until the links expire, 60 to 86400: an hour by default, a day at most."
    )


class JobArguments(RequestModel):
    """A job."""

    job_id: JobIdField


class HistoryArguments(RequestModel):
    """A job whose history to read."""

    job_id: JobIdField
    limit: Annotated[int, Field(strict=True, ge=1, le=200)] = Field(
        50, description="Most commits to return; the last ones."
    )


class NoArguments(RequestModel):
    """A tool without arguments."""
