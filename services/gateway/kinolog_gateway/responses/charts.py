"""Numbers about jobs over time, and what happened lately."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog.v1 import analytics_service_pb2 as pb
from kinolog_gateway.enum_names import PriorityWord, StageWord, instant, optional, priority_name, stage_name
from kinolog_gateway.responses.commands import JobSummary
from kinolog_gateway.responses.job_parts import ResponseModel


class OverviewView(ResponseModel):
    """The numbers on top of a dashboard."""

    submitted: int
    completed: int
    failed: int
    cancelled: int
    queued_now: int
    processing_now: int
    success_rate: float | None = Field(
        description="Completed of all that ended, 0 to 1; null when none ended."
    )
    mean_seconds: float | None = Field(description="From start to completion; null when none completed.")
    p50_seconds: float | None
    p95_seconds: float | None
    mean_wait_seconds: float | None = Field(description="From submission to start.")
    video_seconds: float = Field(description="Seconds of video made.")
    gpu_seconds: float = Field(description="Seconds of device time spent.")


class DistributionView(JobSummary):
    """Numbers of jobs by status."""

    position: int = Field(description="The counts have seen everything up to this position.")


class SuccessRateView(ResponseModel):
    """How jobs of one priority ended."""

    priority: PriorityWord
    completed: int
    failed: int
    cancelled: int
    rate: float | None = Field(
        description="Completed of completed and failed, 0 to 1; null when there are none."
    )


class SuccessRatesView(ResponseModel):
    """Success by priority."""

    rates: list[SuccessRateView]


class StageTimeView(ResponseModel):
    """How long a stage takes."""

    stage: StageWord | None
    count: int
    mean_seconds: float
    p50_seconds: float
    p95_seconds: float


class StageTimesView(ResponseModel):
    """Times by stage, in the order of the stages."""

    stages: list[StageTimeView]


class DepthPointView(ResponseModel):
    """Jobs waiting and running at the end of a bucket, and the most within it."""

    at: datetime | None
    queued: int
    processing: int
    peak_queued: int = Field(description="The most at its start or at the end of one of its minutes.")
    peak_processing: int


class QueueDepthView(ResponseModel):
    """Depth of the queue over time, oldest first."""

    points: list[DepthPointView]
    bucket_seconds: int


class TrendPointView(ResponseModel):
    """What happened in a bucket."""

    at: datetime | None
    submitted: int
    completed: int
    failed: int
    cancelled: int


class TrendsView(ResponseModel):
    """Jobs submitted and ended over time, oldest first."""

    points: list[TrendPointView]
    bucket_seconds: int


class ActivityEntryView(ResponseModel):
    """Something that happened."""

    position: int
    index: int = Field(description="Place of the event in its commit.")
    job_id: str
    event: str = Field(examples=["completed"])
    actor: str
    at: datetime | None


class ActivityView(ResponseModel):
    """The feed, newest first."""

    entries: list[ActivityEntryView]
    next_before: int | None = Field(description="before for older entries; null when there is no entry.")


def overview_view(answer: pb.GetOverviewResponse) -> OverviewView:
    """The numbers on top of a dashboard."""
    return OverviewView(
        submitted=answer.submitted,
        completed=answer.completed,
        failed=answer.failed,
        cancelled=answer.cancelled,
        queued_now=answer.queued_now,
        processing_now=answer.processing_now,
        success_rate=optional(answer, "success_rate"),
        mean_seconds=optional(answer, "mean_seconds"),
        p50_seconds=optional(answer, "p50_seconds"),
        p95_seconds=optional(answer, "p95_seconds"),
        mean_wait_seconds=optional(answer, "mean_wait_seconds"),
        video_seconds=answer.video_seconds,
        gpu_seconds=answer.gpu_seconds,
    )


def success_rates_view(answer: pb.GetSuccessRatesResponse) -> SuccessRatesView:
    """Success by priority."""
    return SuccessRatesView(
        rates=[
            SuccessRateView(
                priority=priority_name(rate.priority),
                completed=rate.completed,
                failed=rate.failed,
                cancelled=rate.cancelled,
                rate=optional(rate, "rate"),
            )
            for rate in answer.rates
        ]
    )


def stage_times_view(answer: pb.GetStageTimesResponse) -> StageTimesView:
    """Times by stage."""
    return StageTimesView(
        stages=[
            StageTimeView(
                stage=stage_name(time.stage),
                count=time.count,
                mean_seconds=time.mean_seconds,
                p50_seconds=time.p50_seconds,
                p95_seconds=time.p95_seconds,
            )
            for time in answer.stages
        ]
    )


def queue_depth_view(answer: pb.GetQueueDepthResponse) -> QueueDepthView:
    """Depth over time."""
    return QueueDepthView(
        points=[
            DepthPointView(
                at=instant(p, "at"),
                queued=p.queued,
                processing=p.processing,
                peak_queued=p.peak_queued,
                peak_processing=p.peak_processing,
            )
            for p in answer.points
        ],
        bucket_seconds=answer.bucket_seconds,
    )


def trends_view(answer: pb.GetTrendsResponse) -> TrendsView:
    """Trends over time."""
    return TrendsView(
        points=[
            TrendPointView(
                at=instant(p, "at"),
                submitted=p.submitted,
                completed=p.completed,
                failed=p.failed,
                cancelled=p.cancelled,
            )
            for p in answer.points
        ],
        bucket_seconds=answer.bucket_seconds,
    )


def activity_view(answer: pb.ListActivityResponse) -> ActivityView:
    """The feed."""
    entries = [
        ActivityEntryView(
            position=entry.position,
            index=entry.index,
            job_id=entry.job_id,
            event=entry.event,
            actor=entry.actor,
            at=instant(entry, "at"),
        )
        for entry in answer.entries
    ]
    return ActivityView(entries=entries, next_before=entries[-1].position if entries else None)
