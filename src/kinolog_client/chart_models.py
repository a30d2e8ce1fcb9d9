"""What the gateway answers about jobs over time."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.jobs import ClientModel, JobCountsInfo


class DistributionInfo(JobCountsInfo):
    """Numbers of jobs by status, as of a position."""

    position: int = 0


class OverviewInfo(ClientModel):
    """The numbers of a span; None where nothing ended."""

    submitted: int
    completed: int
    failed: int
    cancelled: int
    success_rate: float | None = None
    mean_seconds: float | None = None
    p50_seconds: float | None = None
    p95_seconds: float | None = None
    mean_wait_seconds: float | None = None
    video_seconds: float = 0.0
    gpu_seconds: float = 0.0


class SuccessRateInfo(ClientModel):
    """How jobs of one priority ended; `rate` is 0 to 1."""

    priority: str
    completed: int
    failed: int
    cancelled: int
    rate: float | None = None


class SuccessRatesInfo(ClientModel):
    """Success by priority."""

    rates: tuple[SuccessRateInfo, ...]


class StageTimeInfo(ClientModel):
    """How long a stage takes."""

    stage: str | None
    count: int
    mean_seconds: float
    p50_seconds: float
    p95_seconds: float


class StageTimesInfo(ClientModel):
    """Times by stage, in the order of the stages."""

    stages: tuple[StageTimeInfo, ...]


class DepthPointInfo(ClientModel):
    """The most jobs waiting and running within a bucket."""

    at: datetime | None
    peak_queued: int
    peak_processing: int


class QueueDepthInfo(ClientModel):
    """Depth of the queue over time, oldest first."""

    points: tuple[DepthPointInfo, ...]
    bucket_seconds: int


class TrendPointInfo(ClientModel):
    """What happened in a bucket."""

    at: datetime | None
    submitted: int
    completed: int
    failed: int
    cancelled: int


class TrendsInfo(ClientModel):
    """Jobs submitted and ended over time, oldest first."""

    points: tuple[TrendPointInfo, ...]
    bucket_seconds: int


class ActivityEntryInfo(ClientModel):
    """Something that happened."""

    position: int
    index: int = 0
    job_id: str
    event: str
    actor: str
    at: datetime | None


class ActivityInfo(ClientModel):
    """The feed, newest first."""

    entries: tuple[ActivityEntryInfo, ...]
