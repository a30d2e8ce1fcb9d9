"""Charts of jobs over time, and the activity feed."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog.v1 import analytics_service_pb2 as pb
from kinolog_gateway.enum_names import (
    PriorityName,
    StageName,
    optional_field,
    priority_name,
    stage_name,
    time_field,
)
from kinolog_gateway.responses.commands import JobSummary
from kinolog_gateway.responses.job_parts import ResponseModel


class OverviewView(ResponseModel):
    """The headline numbers of a dashboard."""

    submitted: int
    completed: int
    failed: int
    cancelled: int
    queued_now: int
    processing_now: int
    success_rate: float | None = Field(
        description="completed / (completed + failed), 0 to 1; null if both are 0. Cancelled jobs do not count."
    )
    mean_seconds: float | None = Field(
        description="Of all attempts of a completed job together, without the pauses; null if none completed."
    )
    p50_seconds: float | None
    p95_seconds: float | None
    mean_wait_seconds: float | None = Field(description="From submission to start.")
    video_seconds: float = Field(description="Length of all videos in seconds.")
    gpu_seconds: float = Field(description="Device time in seconds.")


class DistributionView(JobSummary):
    """Job counts by status, with their position."""

    position: int = Field(description="The counts include every commit up to this position.")


class SuccessRateView(ResponseModel):
    """Outcomes of the jobs of one priority."""

    priority: PriorityName
    completed: int
    failed: int
    cancelled: int
    rate: float | None = Field(
        description="completed / (completed + failed), 0 to 1; null if both are 0. Cancelled jobs do not count."
    )


class SuccessRatesView(ResponseModel):
    """Success rates by priority."""

    rates: list[SuccessRateView]


class StageTimeView(ResponseModel):
    """Durations of a stage."""

    stage: StageName | None
    count: int
    mean_seconds: float
    p50_seconds: float
    p95_seconds: float


class StageTimesView(ResponseModel):
    """Durations by stage, in the order of the stages."""

    stages: list[StageTimeView]


class DepthPointView(ResponseModel):
    """Jobs queued and processing at the end of a bucket, and the maxima within it."""

    at: datetime | None
    queued: int
    processing: int
    peak_queued: int = Field(description="Maximum within the bucket, at any moment.")
    peak_processing: int
    busiest_queued: int = Field(
        description="At the time of the bucket at which most jobs were there together."
    )
    busiest_processing: int = Field(description="At the same time.")


class QueueDepthView(ResponseModel):
    """Depth of the queue over time, oldest first."""

    points: list[DepthPointView]
    bucket_seconds: int


class TrendPointView(ResponseModel):
    """Jobs submitted and ended within a bucket."""

    at: datetime | None
    submitted: int
    completed: int
    failed: int
    cancelled: int
    success_rate: float | None = Field(
        description="completed / (completed + failed), 0 to 1; null if both are 0. Cancelled jobs do not count."
    )


class TrendsView(ResponseModel):
    """Jobs submitted and ended over time, oldest first."""

    points: list[TrendPointView]
    bucket_seconds: int


class ActivityEntryView(ResponseModel):
    """An event in the activity feed."""

    position: int
    index: int = Field(description="Index of the event in its commit.")
    job_id: str
    event: str = Field(examples=["completed"])
    actor: str
    at: datetime | None


class ActivityView(ResponseModel):
    """The activity feed, newest first."""

    entries: list[ActivityEntryView]
    next_before: int | None = Field(
        description="Value of `before` for older entries; null if there is no entry."
    )


def overview_view(response: pb.GetOverviewResponse) -> OverviewView:
    """Return the headline numbers."""
    return OverviewView(
        submitted=response.submitted,
        completed=response.completed,
        failed=response.failed,
        cancelled=response.cancelled,
        queued_now=response.queued_now,
        processing_now=response.processing_now,
        success_rate=optional_field(response, "success_rate"),
        mean_seconds=optional_field(response, "mean_seconds"),
        p50_seconds=optional_field(response, "p50_seconds"),
        p95_seconds=optional_field(response, "p95_seconds"),
        mean_wait_seconds=optional_field(response, "mean_wait_seconds"),
        video_seconds=response.video_seconds,
        gpu_seconds=response.gpu_seconds,
    )


def success_rates_view(response: pb.GetSuccessRatesResponse) -> SuccessRatesView:
    """Return the success rates by priority."""
    return SuccessRatesView(
        rates=[
            SuccessRateView(
                priority=priority_name(rate.priority),
                completed=rate.completed,
                failed=rate.failed,
                cancelled=rate.cancelled,
                rate=optional_field(rate, "rate"),
            )
            for rate in response.rates
        ]
    )


def stage_times_view(response: pb.GetStageTimesResponse) -> StageTimesView:
    """Return the durations by stage."""
    return StageTimesView(
        stages=[
            StageTimeView(
                stage=stage_name(time.stage),
                count=time.count,
                mean_seconds=time.mean_seconds,
                p50_seconds=time.p50_seconds,
                p95_seconds=time.p95_seconds,
            )
            for time in response.stages
        ]
    )


def queue_depth_view(response: pb.GetQueueDepthResponse) -> QueueDepthView:
    """Return the depth of the queue over time."""
    return QueueDepthView(
        points=[
            DepthPointView(
                at=time_field(point, "at"),
                queued=point.queued,
                processing=point.processing,
                peak_queued=point.peak_queued,
                peak_processing=point.peak_processing,
                busiest_queued=point.busiest_queued,
                busiest_processing=point.busiest_processing,
            )
            for point in response.points
        ],
        bucket_seconds=response.bucket_seconds,
    )


def trends_view(response: pb.GetTrendsResponse) -> TrendsView:
    """Return jobs submitted and ended over time."""
    return TrendsView(
        points=[
            TrendPointView(
                at=time_field(point, "at"),
                submitted=point.submitted,
                completed=point.completed,
                failed=point.failed,
                cancelled=point.cancelled,
                success_rate=optional_field(point, "success_rate"),
            )
            for point in response.points
        ],
        bucket_seconds=response.bucket_seconds,
    )


def activity_view(response: pb.ListActivityResponse) -> ActivityView:
    """Return the activity feed."""
    entries = [
        ActivityEntryView(
            position=entry.position,
            index=entry.index,
            job_id=entry.job_id,
            event=entry.event,
            actor=entry.actor,
            at=time_field(entry, "at"),
        )
        for entry in response.entries
    ]
    return ActivityView(entries=entries, next_before=entries[-1].position if entries else None)
