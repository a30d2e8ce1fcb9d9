"""Numbers of jobs over time, and the latest events."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.models.base import ClientModel
from kinolog_client.models.jobs import JobCountsInfo


class DistributionInfo(JobCountsInfo):
    """Numbers of jobs by status. They count every commit up to `position`."""

    position: int = 0


class OverviewInfo(ClientModel):
    """The numbers of a span of time. Times are None if no job completed in it. `success_rate` is completed
    of completed and failed, 0 to 1, None if there are none; cancelled jobs do not count."""

    submitted: int
    completed: int
    failed: int
    cancelled: int
    queued_now: int = 0
    processing_now: int = 0
    success_rate: float | None = None
    mean_seconds: float | None = None
    p50_seconds: float | None = None
    p95_seconds: float | None = None
    mean_wait_seconds: float | None = None
    video_seconds: float = 0.0
    gpu_seconds: float = 0.0


class SuccessRateInfo(ClientModel):
    """How jobs of one priority ended. `rate` is completed of completed and failed, 0 to 1."""

    priority: str
    completed: int
    failed: int
    cancelled: int
    rate: float | None = None


class SuccessRatesInfo(ClientModel):
    """Success by priority."""

    rates: tuple[SuccessRateInfo, ...]


class StageTimeInfo(ClientModel):
    """How long a stage takes, in seconds."""

    stage: str | None
    count: int
    mean_seconds: float
    p50_seconds: float
    p95_seconds: float


class StageTimesInfo(ClientModel):
    """Times by stage, in the order of the stages."""

    stages: tuple[StageTimeInfo, ...]


class DepthPointInfo(ClientModel):
    """Jobs waiting and running at the end of a bucket, and the most within it.

    The peaks may be of two times of the bucket. `busiest_*` are of one: at which most jobs were there together.
    """

    at: datetime | None
    queued: int = 0
    processing: int = 0
    peak_queued: int
    peak_processing: int
    busiest_queued: int | None = None
    busiest_processing: int | None = None

    @property
    def at_most(self) -> tuple[int, int]:
        """Jobs waiting and running when both together were most; the peaks from a gateway that does not say it."""
        if self.busiest_queued is None or self.busiest_processing is None:
            return self.peak_queued, self.peak_processing
        return self.busiest_queued, self.busiest_processing


class QueueDepthInfo(ClientModel):
    """Depth of the queue over time, oldest first."""

    points: tuple[DepthPointInfo, ...]
    bucket_seconds: int


class TrendPointInfo(ClientModel):
    """Jobs submitted and ended in a bucket. `success_rate` is that of `OverviewInfo`."""

    at: datetime | None
    submitted: int
    completed: int
    failed: int
    cancelled: int
    success_rate: float | None = None


class TrendsInfo(ClientModel):
    """Jobs submitted and ended over time, oldest first."""

    points: tuple[TrendPointInfo, ...]
    bucket_seconds: int


class ActivityEntryInfo(ClientModel):
    """An event. `index` is its place in the commit at `position`."""

    position: int
    index: int = 0
    job_id: str
    event: str
    actor: str
    at: datetime | None


class ActivityInfo(ClientModel):
    """Events, newest first. `next_before` reads older ones; None if there is no entry."""

    entries: tuple[ActivityEntryInfo, ...]
    next_before: int | None = None
