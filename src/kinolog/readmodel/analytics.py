"""Charts from rollups: sums over a few hundred rows, whatever the number of jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, Table, and_, func, or_, select

from kinolog.job.values import Priority, Stage
from kinolog.ports.read_model import (
    DepthPoint,
    Overview,
    QueueDepth,
    StageTime,
    SuccessRate,
    TimeRange,
    TrendPoint,
    Trends,
)
from kinolog.readmodel.asking import rows
from kinolog.readmodel.buckets import BUCKET_SECONDS, EPOCH, bucket_start, percentile_seconds, stretches
from kinolog.readmodel.conditions import Condition, urgency_of
from kinolog.readmodel.database import Connection
from kinolog.readmodel.tables import rollups, timings

SECOND_US = 1_000_000
CHOICES_SECONDS = (60, 300, 900, 3_600, 3 * 3_600, 6 * 3_600, 86_400, 7 * 86_400, 28 * 86_400)
CHOSEN_POINTS = 200
MOST_POINTS = 1_500


def _within(table: Table, start: datetime, end: datetime) -> Condition:
    """Rows of exactly the buckets that cover a span."""
    parts = [
        and_(table.c.bucket_seconds == part.bucket_seconds, table.c.at >= part.start, table.c.at < part.end)
        for part in stretches(start, end)
    ]
    return or_(*parts) if parts else table.c.bucket_seconds < 0


async def overview(connection: Connection, tenant: str, span: TimeRange, now: dict[str, int]) -> Overview:
    """The numbers on top of a dashboard; `now` counts the jobs by status as they stand."""
    names = ("submitted", "completed", "failed", "cancelled", "video_us", "gpu_us")
    statement = select(*(func.sum(rollups.c[name]) for name in names)).where(
        rollups.c.tenant == tenant, _within(rollups, span.start, span.end)
    )
    amounts = {
        name: int(value or 0)
        for name, value in zip(names, (await rows(connection, statement))[0], strict=True)
    }
    times = await _timings(connection, tenant, span, ("run", "wait"))
    run, wait = times["run"], times["wait"]
    ended = amounts["completed"] + amounts["failed"] + amounts["cancelled"]
    return Overview(
        submitted=amounts["submitted"],
        completed=amounts["completed"],
        failed=amounts["failed"],
        cancelled=amounts["cancelled"],
        queued_now=now.get("queued", 0),
        processing_now=now.get("processing", 0),
        success_rate=amounts["completed"] / ended if ended else None,
        mean_seconds=run.mean_seconds,
        p50_seconds=percentile_seconds(run.bins, 0.5),
        p95_seconds=percentile_seconds(run.bins, 0.95),
        mean_wait_seconds=wait.mean_seconds,
        video_seconds=amounts["video_us"] / SECOND_US,
        gpu_seconds=amounts["gpu_us"] / SECOND_US,
    )


async def success_rates(connection: Connection, tenant: str, span: TimeRange) -> tuple[SuccessRate, ...]:
    """How jobs ended, by priority."""
    names = ("completed", "failed", "cancelled")
    statement = (
        select(rollups.c.urgency, *(func.sum(rollups.c[name]) for name in names))
        .where(rollups.c.tenant == tenant, _within(rollups, span.start, span.end))
        .group_by(rollups.c.urgency)
    )
    found = {row[0]: tuple(int(value) for value in row[1:]) for row in await rows(connection, statement)}
    rates = []
    for priority in Priority:
        completed, failed, cancelled = found.get(urgency_of(priority), (0, 0, 0))
        ended = completed + failed
        rates.append(
            SuccessRate(priority, completed, failed, cancelled, completed / ended if ended else None)
        )
    return tuple(rates)


async def stage_times(connection: Connection, tenant: str, span: TimeRange) -> tuple[StageTime, ...]:
    """How long stages took."""
    times = await _timings(connection, tenant, span, tuple(stage.value for stage in Stage))
    found = []
    for stage in Stage:
        its = times[stage.value]
        mean, p50, p95 = (
            its.mean_seconds,
            percentile_seconds(its.bins, 0.5),
            percentile_seconds(its.bins, 0.95),
        )
        if mean is not None and p50 is not None and p95 is not None:
            found.append(StageTime(stage, its.count, mean, p50, p95))
    return tuple(found)


class _Times:
    """A histogram of durations."""

    def __init__(self) -> None:
        self.bins: dict[int, int] = {}
        self.total_us = 0

    @property
    def count(self) -> int:
        return sum(self.bins.values())

    @property
    def mean_seconds(self) -> float | None:
        return self.total_us / self.count / SECOND_US if self.count else None


async def _timings(
    connection: Connection, tenant: str, span: TimeRange, measures: Iterable[str]
) -> defaultdict[str, _Times]:
    statement = (
        select(timings.c.measure, timings.c.bin, func.sum(timings.c.count), func.sum(timings.c.total_us))
        .where(
            timings.c.tenant == tenant,
            timings.c.measure.in_(list(measures)),
            _within(timings, span.start, span.end),
        )
        .group_by(timings.c.measure, timings.c.bin)
    )
    found: defaultdict[str, _Times] = defaultdict(_Times)
    for measure, number, count, total_us in await rows(connection, statement):
        found[measure].bins[number] = int(count)
        found[measure].total_us += int(total_us)
    return found


async def queue_depth(
    connection: Connection, tenant: str, span: TimeRange, bucket_seconds: int
) -> QueueDepth:
    """How many jobs waited and ran: what was there before the span, and what changed since."""
    bucket_seconds = choose_bucket(span, bucket_seconds)
    start = bucket_start(span.start, bucket_seconds)
    changes = (rollups.c.queued_change, rollups.c.processing_change)
    sums = [func.sum(change) for change in changes]
    before = select(*sums).where(rollups.c.tenant == tenant, _within(rollups, EPOCH, start))
    queued, processing = (int(value or 0) for value in (await rows(connection, before))[0])
    found = await _series(connection, tenant, start, span.end, bucket_seconds, sums)
    points = []
    for at in _bucket_starts(start, span.end, bucket_seconds):
        change = found.get(at, (0, 0))
        queued, processing = queued + change[0], processing + change[1]
        # Clocks of two machines may differ: a start may seem to come before its submission.
        points.append(DepthPoint(at, max(0, queued), max(0, processing)))
    return QueueDepth(tuple(points), bucket_seconds)


async def trends(connection: Connection, tenant: str, span: TimeRange, bucket_seconds: int) -> Trends:
    """How many jobs were submitted and ended in each bucket."""
    bucket_seconds = choose_bucket(span, bucket_seconds)
    start = bucket_start(span.start, bucket_seconds)
    sums = [func.sum(rollups.c[name]) for name in ("submitted", "completed", "failed", "cancelled")]
    found = await _series(connection, tenant, start, span.end, bucket_seconds, sums)
    points = tuple(
        TrendPoint(at, *found.get(at, (0, 0, 0, 0))) for at in _bucket_starts(start, span.end, bucket_seconds)
    )
    return Trends(points, bucket_seconds)


def choose_bucket(span: TimeRange, bucket_seconds: int) -> int:
    """Whole minutes, as long as asked for or as suits the span, and never more points than a chart can show."""
    seconds = max(60.0, (span.end - span.start).total_seconds())
    if bucket_seconds <= 0:
        fitting = (choice for choice in CHOICES_SECONDS if seconds / choice <= CHOSEN_POINTS)
        bucket_seconds = next(fitting, CHOICES_SECONDS[-1])
    least = -(-int(seconds) // MOST_POINTS)
    return max(60, -(-max(bucket_seconds, least) // 60) * 60)


async def _series(
    connection: Connection,
    tenant: str,
    start: datetime,
    end: datetime,
    bucket_seconds: int,
    sums: list[Any],
) -> dict[datetime, tuple[int, ...]]:
    kept = max(seconds for seconds in BUCKET_SECONDS if bucket_seconds % seconds == 0)
    bucket = func.date_bin(timedelta(seconds=bucket_seconds), rollups.c.at, EPOCH)
    statement: Select[Any] = (
        select(bucket, *sums)
        .where(
            rollups.c.tenant == tenant,
            rollups.c.bucket_seconds == kept,
            rollups.c.at >= start,
            rollups.c.at < end,
        )
        .group_by(bucket)
    )
    # Grouped by place: the same expression twice would carry two parameters and look like two.
    statement = statement.with_only_columns(bucket.label("bucket"), *sums).group_by(None)
    statement = statement.group_by("bucket")
    return {row[0]: tuple(int(value) for value in row[1:]) for row in await rows(connection, statement)}


def _bucket_starts(start: datetime, end: datetime, bucket_seconds: int) -> Iterable[datetime]:
    at = start
    while at < end:
        yield at
        at += timedelta(seconds=bucket_seconds)
