"""Port: queries over all jobs, for lists, counts, charts and the audit.

The read model follows the log with a short delay. Every result that can be stale carries the position up to which the
read model is complete, and `wait_for` waits for a position. A single job is read from the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from kinolog.job import events as e
from kinolog.job.state import ListedFields
from kinolog.job.values import Priority, Stage, Status
from kinolog.ports.archive import Archive
from kinolog.ports.charts.figures import DepthPoint as DepthPoint
from kinolog.ports.charts.figures import JobEnds as JobEnds
from kinolog.ports.charts.figures import Overview as Overview
from kinolog.ports.charts.figures import PriorityEnds as PriorityEnds
from kinolog.ports.charts.figures import QueueDepth as QueueDepth
from kinolog.ports.charts.figures import StageTime as StageTime
from kinolog.ports.charts.figures import TimeRange as TimeRange
from kinolog.ports.charts.figures import TrendPoint as TrendPoint
from kinolog.ports.charts.figures import Trends as Trends
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.ports.search.event_search import EventSearcher
from kinolog.ports.tree.commit_tree import CommitTreeReader
from kinolog.ports.tree.erasure_certificates import ErasureCertificateReader
from kinolog.ports.tree.verification_progress import VerificationProgressReader
from kinolog.ports.use.tenant_use import TenantUseReader


class PositionNotReached(Exception):
    """The read model did not reach the required position in time."""

    def __init__(self, *, required: int, reached: int) -> None:
        super().__init__(f"the read model has reached position {reached}, not {required} yet; try again")
        self.required = required
        self.reached = reached


class InvalidCursor(ValueError):
    """The cursor is not from a page of this query."""


class SortField(StrEnum):
    """The field that a list is ordered by; ties by `created_at`, then id."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    PROGRESS = "progress"
    DURATION = "duration"
    PRIORITY = "priority"


@dataclass(frozen=True, slots=True)
class SortOrder:
    """The order of a list.

    `priority` ascends from low to critical. `duration` is that of all attempts together; in ascending order jobs
    without one come first.
    """

    field: SortField = SortField.CREATED_AT
    descending: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Selects jobs that match every field, and in a field any of its values. An empty field matches all.

    `created_from` is inclusive, `created_before` exclusive. `text` is part of the prompt or the id, in any case.
    `variant_of` is the id of the first job of a request with variants. `startable_at` selects queued jobs that may
    start at this time: not paused, and waiting for no later one. `paused` and `erased` select jobs that are, or that
    are not.
    """

    statuses: tuple[Status, ...] = ()
    priorities: tuple[Priority, ...] = ()
    models: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_before: datetime | None = None
    text: str = ""
    variant_of: str = ""
    startable_at: datetime | None = None
    paused: bool | None = None
    erased: bool | None = None

    @property
    def counted_one_by_one(self) -> bool:
        """Whether it has fields that no counter knows."""
        others = (self.startable_at, self.paused, self.erased)
        return bool(self.text or self.variant_of) or any(value is not None for value in others)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """A page of a list: after `cursor`, or after `offset` jobs, not both."""

    filter: JobFilter = field(default_factory=JobFilter)
    order: SortOrder = field(default_factory=SortOrder)
    page_size: int = 20
    cursor: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow(ListedFields):
    """A job in a list. `prompt` and `negative_prompt` are empty for an erased job.

    `percent` (0 to 100), `stage` and `eta_seconds` are from the last progress of a running job.
    """

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
    worker: str
    stage: Stage | None
    scene: int | None
    percent: float
    eta_seconds: float | None
    scene_count: int
    scenes_rendered: int
    run_seconds: float | None
    queued_at: datetime
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRowPage:
    """A page of a list. `next_cursor` is empty on the last page. `total` is None if no counter holds it."""

    rows: tuple[JobRow, ...]
    next_cursor: str
    total: int | None
    position: int


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Numbers of jobs by status, for every status."""

    counts: dict[Status, int]
    position: int

    @property
    def total(self) -> int:
        """Number of all jobs."""
        return sum(self.counts.values())


ACTIVITY_EVENTS: tuple[type[e.Event], ...] = (
    e.Submitted,
    e.AttemptStarted,
    e.AttemptFailed,
    e.CancelRequested,
    e.Cancelled,
    e.Reprioritized,
    e.Paused,
    e.Resumed,
    e.Completed,
    e.Failed,
    e.Retried,
    e.Erased,
)
"""Events in the activity feed. Others, such as stages, are in the history of the job alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRow:
    """An event in the activity feed. `index` is its index in its commit, from 0."""

    position: int
    index: int
    job_id: str
    event: str
    actor: str
    at: datetime


class ReadModelUnavailable(Exception):
    """The read model is unreachable, or its schema is not the one that this program reads."""


class ReadModelDamaged(ReadModelUnavailable):
    """Stored bytes of the database cannot be right. The message says what to do."""


class ReadModel(
    Archive,
    CommitTreeReader,
    ErasureCertificateReader,
    EventSearcher,
    TenantUseReader,
    VerificationProgressReader,
    Protocol,
):
    """Queries over many jobs. Every method raises `ReadModelUnavailable` if the read model is unreachable."""

    async def list_jobs(self, tenant: str, query: JobQuery) -> JobRowPage:
        """Return a page of jobs. Raises `InvalidCursor`."""
        ...

    async def summarize(self, tenant: str, job_filter: JobFilter) -> JobCounts:
        """Return the numbers of jobs by status."""
        ...

    async def select_ids(self, tenant: str, job_filter: JobFilter, limit: int = 1_000) -> list[str]:
        """Return the ids of the first `limit` jobs that match the filter, oldest first."""
        ...

    async def queue_positions(self, tenant: str, job_ids: Sequence[str], now: datetime) -> dict[str, int]:
        """Return for each of these jobs of the tenant that is queued how many of its jobs start before it.

        Lanes take turns by weight: kinolog.scheduling.queue_order. Jobs far behind or after `now` have none.
        """
        ...

    async def overview(self, tenant: str, span: TimeRange) -> Overview:
        """Return the figures of a dashboard."""
        ...

    async def success_rates(self, tenant: str, span: TimeRange) -> tuple[PriorityEnds, ...]:
        """Return the results of the jobs that ended in the span, one entry per priority, critical first."""
        ...

    async def stage_times(self, tenant: str, span: TimeRange) -> tuple[StageTime, ...]:
        """Return the durations of the stages that finished in the span, in the order of stages."""
        ...

    async def queue_depth(self, tenant: str, span: TimeRange, bucket_seconds: int = 0) -> QueueDepth:
        """Return how many jobs were queued and running. With 0 the read model chooses the bucket.

        A bucket that gives more than about 1,500 points is widened; the result holds its width.
        """
        ...

    async def trends(self, tenant: str, span: TimeRange, bucket_seconds: int = 0) -> Trends:
        """Return how many jobs were submitted and ended; buckets as in `queue_depth`."""
        ...

    async def list_activity(
        self, tenant: str, before_position: int | None = None, limit: int = 20
    ) -> tuple[ActivityRow, ...]:
        """Return the last events, newest first. A commit is split only if it has more than `limit` events."""
        ...

    async def list_log_entries(
        self,
        tenant: str,
        job_id: str,
        limit: int = 20,
        after_sequence: int = 0,
        min_level: LogLevel = LogLevel.DEBUG,
    ) -> tuple[LogLine, ...]:
        """Return log lines of a tenant's job, oldest first: the first after `after_sequence`; if it is 0, the last."""
        ...

    async def job_row(self, tenant: str, job_id: str) -> JobRow | None:
        """Return the row of a job of the tenant as lists show it; None if there is none."""
        ...

    async def artifacts_in_use(self, keys: Sequence[str], excluding: str) -> set[str]:
        """Return those of the artifact keys that a job other than `excluding`, of any tenant, lists.

        Files are addressed by content: two jobs with the same bytes share them, also scenes.
        """
        ...

    async def position(self) -> int:
        """Return the position up to which the read model is complete."""
        ...

    async def wait_for(self, position: int, timeout_seconds: float = 5.0) -> int:
        """Wait until the read model reaches `position`. Return the reached one. Raises `PositionNotReached`."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
