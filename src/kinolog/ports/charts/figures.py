"""The figures of charts and overviews, as the read model returns them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kinolog.job.values import Priority, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """A span of time. Charts count the whole minutes that it touches, and durations the whole hours."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnds:
    """How many jobs ended, and how."""

    completed: int
    failed: int
    cancelled: int

    @property
    def success_rate(self) -> float | None:
        """Return completed / (completed + failed); None without any. A cancelled job neither succeeded nor failed."""
        finished = self.completed + self.failed
        return self.completed / finished if finished else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview(JobEnds):
    """Figures of a dashboard. Times are of all attempts of a completed job together, None if none completed."""

    submitted: int
    queued_now: int
    processing_now: int
    mean_seconds: float | None
    p50_seconds: float | None
    p95_seconds: float | None
    mean_wait_seconds: float | None
    video_seconds: float
    gpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityEnds(JobEnds):
    """Ended jobs of one priority."""

    priority: Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """Durations of a stage in seconds. Percentiles are accurate to a sixteenth."""

    stage: Stage
    count: int
    mean_seconds: float
    p50_seconds: float
    p95_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthPoint:
    """Queued and running jobs at the end of the bucket from `at` on, the maxima in it, and when both were most."""

    at: datetime
    queued: int
    processing: int
    peak_queued: int
    peak_processing: int
    busiest_queued: int
    busiest_processing: int


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Queue depth over time, oldest first."""

    points: tuple[DepthPoint, ...]
    bucket_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint(JobEnds):
    """Numbers of events in the bucket that starts at `at`."""

    at: datetime
    submitted: int


@dataclass(frozen=True, slots=True)
class Trends:
    """Numbers of events over time, oldest first."""

    points: tuple[TrendPoint, ...]
    bucket_seconds: int
