"""Port: what the log has made of all jobs, for lists, counts, charts and the audit.

The read model follows the log; it may be a moment behind. Every answer that can be stale carries the position up
to which it has seen everything, and `wait_for` waits until it has seen one. A single job is read from the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from kinolog.job.values import Artifact, JobError, MediaFacts, Priority, Stage, Status
from kinolog.ports.progress import LogLevel, LogLine

MAX_PAGE_SIZE = 1_000


class PositionNotReached(Exception):
    """The read model had not seen the position in time."""

    def __init__(self, wanted: int, reached: int) -> None:
        super().__init__(f"the read model has seen position {reached}, not {wanted} yet; try again")
        self.wanted = wanted
        self.reached = reached


class InvalidCursor(ValueError):
    """A cursor that no page of this query gave out."""


class SortField(StrEnum):
    """What lists are ordered by; ties by `created_at`, then id."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    PROGRESS = "progress"
    DURATION = "duration"
    PRIORITY = "priority"


@dataclass(frozen=True, slots=True)
class SortOrder:
    """How a list is ordered.

    `priority` ascends from low to critical. `duration` is from the first start to the end; jobs that have none
    come first when ascending.
    """

    field: SortField = SortField.CREATED_AT
    descending: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs. Fields narrow each other, values in one field widen it; empty means all.

    `created_from` is included, `created_before` is not. `text` is found in prompt or id, in any case.
    """

    statuses: tuple[Status, ...] = ()
    priorities: tuple[Priority, ...] = ()
    models: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_before: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """A page of a list: behind `cursor`, or after passing over `offset` jobs; not both."""

    filter: JobFilter = field(default_factory=JobFilter)
    order: SortOrder = field(default_factory=SortOrder)
    page_size: int = 20
    cursor: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job as lists show it. `prompt` and `negative_prompt` are empty once the job is erased.

    `percent` (0 to 100), `stage` and `eta_seconds` are as the worker last reported while it runs.
    """

    id: str
    tenant: str
    actor: str
    request_id: str
    status: Status
    priority: Priority
    prompt: str
    negative_prompt: str
    model: str
    model_class: str
    width: int
    height: int
    frames: int
    fps: int
    steps: int
    guidance: float
    seed: int
    style: str
    attempt: int
    worker: str
    stage: Stage | None
    percent: float
    eta_seconds: float | None
    scenes: int
    scenes_rendered: int
    artifacts: tuple[Artifact, ...]
    media: MediaFacts | None
    error: JobError | None
    cancel_requested: bool
    erased: bool
    created_at: datetime
    updated_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    not_before: datetime | None
    gpu_seconds: float
    version: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRowPage:
    """A page of a list. `next_cursor` is empty on the last; `total` is None where it would have to be counted."""

    rows: tuple[JobRow, ...]
    next_cursor: str
    total: int | None
    position: int


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Numbers of jobs by status; every status is there."""

    counts: dict[Status, int]
    position: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """A span of time. Analytics count whole minutes, and durations by whole hours: those that it touches."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The numbers on top of a dashboard. Percentiles are right to a sixteenth; None when nothing ended."""

    submitted: int
    completed: int
    failed: int
    cancelled: int
    queued_now: int
    processing_now: int
    success_rate: float | None
    mean_seconds: float | None
    p50_seconds: float | None
    p95_seconds: float | None
    mean_wait_seconds: float | None
    video_seconds: float
    gpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessRate:
    """How jobs of one priority ended; `rate` is completed of completed and failed, None when there are none."""

    priority: Priority
    completed: int
    failed: int
    cancelled: int
    rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """How long a stage took, in seconds; percentiles are right to a sixteenth."""

    stage: Stage
    count: int
    mean_seconds: float
    p50_seconds: float
    p95_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthPoint:
    """Jobs that waited and ran at the end of the bucket that starts at `at`, and the most that did within it."""

    at: datetime
    queued: int
    processing: int
    peak_queued: int
    peak_processing: int


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Depth over time, oldest first."""

    points: tuple[DepthPoint, ...]
    bucket_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """What happened in the bucket that starts at `at`."""

    at: datetime
    submitted: int
    completed: int
    failed: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class Trends:
    """What happened over time, oldest first."""

    points: tuple[TrendPoint, ...]
    bucket_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRow:
    """Something that happened to a job; `index` is the place of the event in its commit."""

    position: int
    index: int
    job_id: str
    event: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedCommit:
    """A commit as the archive keeps it: the raw message, and the SHA-256 inside it."""

    position: int
    job_id: str
    raw: bytes
    digest: bytes


class ReadModelUnavailable(Exception):
    """The read model cannot be reached, or its schema is not the one that this program reads."""


class ReadModel(Protocol):
    """Answers questions about many jobs. Every method raises `ReadModelUnavailable` when it cannot be reached."""

    async def list_jobs(self, tenant: str, query: JobQuery) -> JobRowPage:
        """A page of jobs. Raises `InvalidCursor`."""
        ...

    async def summarize(self, tenant: str, job_filter: JobFilter) -> JobCounts:
        """Numbers of jobs by status."""
        ...

    async def select_ids(self, tenant: str, job_filter: JobFilter, limit: int = 1_000) -> list[str]:
        """Ids of the first `limit` jobs that the filter finds, oldest first."""
        ...

    async def queue_position(self, job_id: str) -> int | None:
        """Jobs of the same model class before it in the queue; None when it does not wait there (or not seen yet)."""
        ...

    async def overview(self, tenant: str, span: TimeRange) -> Overview:
        """The numbers on top of a dashboard."""
        ...

    async def success_rates(self, tenant: str, span: TimeRange) -> tuple[SuccessRate, ...]:
        """How jobs that ended in the span ended; one entry per priority, critical first."""
        ...

    async def stage_times(self, tenant: str, span: TimeRange) -> tuple[StageTime, ...]:
        """How long stages took that ended in the span; in the order of stages."""
        ...

    async def queue_depth(self, tenant: str, span: TimeRange, bucket_seconds: int = 0) -> QueueDepth:
        """How many jobs waited and ran; 0 lets the read model choose the bucket. At most about 1,500 points.

        A bucket that would give more is widened; the answer says how wide it is.
        """
        ...

    async def trends(self, tenant: str, span: TimeRange, bucket_seconds: int = 0) -> Trends:
        """How many jobs were submitted and ended; buckets as in `queue_depth`."""
        ...

    async def list_activity(
        self, tenant: str, before_position: int | None = None, limit: int = 20
    ) -> tuple[ActivityRow, ...]:
        """What happened last, newest first, commits never cut in two (unless one alone has more than `limit`)."""
        ...

    async def list_log_entries(
        self,
        job_id: str,
        limit: int = 20,
        after_sequence: int = 0,
        min_level: LogLevel = LogLevel.DEBUG,
    ) -> tuple[LogLine, ...]:
        """Log lines, oldest first: the first ones behind `after_sequence`, or the last ones when it is 0."""
        ...

    async def archived_commits(self, job_id: str) -> Sequence[ArchivedCommit]:
        """The commits of a job as the archive keeps them, oldest first."""
        ...

    async def artifacts_in_use(self, keys: Sequence[str], excluding: str) -> set[str]:
        """Those of these keys in the artifact store that jobs other than `excluding`, of any tenant, list too.

        Files are addressed by content: two jobs that made the same bytes share them, scenes included.
        """
        ...

    async def position(self) -> int:
        """The position up to which everything has been seen."""
        ...

    async def wait_for(self, position: int, timeout_seconds: float = 5.0) -> int:
        """Wait until `position` has been seen; answers the one that has. Raises `PositionNotReached`."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
