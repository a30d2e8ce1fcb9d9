"""Charts from rollups: sums over a few hundred rows, whatever the number of jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Integer, Interval, Table, Text, and_, any_, bindparam, func, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY

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
from kinolog.readmodel.queries.conditions import Condition, urgency_of
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.readmodel.tables import rollups, timings
from kinolog.readmodel.time_buckets import (
    BUCKET_SECONDS,
    EPOCH,
    MICROSECOND,
    TIMING_SECONDS,
    BucketSpan,
    bucket_start,
    percentile_seconds,
    bucket_spans,
)

SECOND_US = 1_000_000
CHOICES_SECONDS = (60, 300, 900, 3_600, 3 * 3_600, 6 * 3_600, 86_400, 7 * 86_400, 28 * 86_400)
CHOSEN_POINTS = 200
MOST_POINTS = 1_500

OVERVIEW = ("submitted", "completed", "failed", "cancelled", "video_us", "gpu_us")
ENDS = ("completed", "failed", "cancelled")
TRENDS = ("submitted", *ENDS)
CHANGES = ("queued_change", "processing_change")
FINE_SPAN_SECONDS = 14 * 86_400
"""In a span up to this long, the greatest depth is looked for minute by minute."""

_TENANT = bindparam("tenant", type_=Text())


def _most_stretches(lengths: tuple[int, ...]) -> int:
    """Into how many bucket_spans of buckets a span falls: the longest in the middle, the others on both sides."""
    return 2 * len(lengths) - 1


def _within(table: Table, lengths: tuple[int, ...] = BUCKET_SECONDS) -> Condition:
    """Rows of exactly the buckets that cover a span; `_span_values` has the values."""
    time = table.c.at.type
    return or_(
        *(
            and_(
                table.c.bucket_seconds == bindparam(f"seconds_{place}", type_=Integer()),
                table.c.at >= bindparam(f"start_{place}", type_=time),
                table.c.at < bindparam(f"end_{place}", type_=time),
            )
            for place in range(_most_stretches(lengths))
        )
    )


def _span_values(
    tenant: str, start: datetime, end: datetime, lengths: tuple[int, ...] = BUCKET_SECONDS
) -> dict[str, Any]:
    values: dict[str, Any] = {"tenant": tenant}
    parts = list(bucket_spans(start, end, lengths))
    parts += [BucketSpan(lengths[0], EPOCH, EPOCH)] * (_most_stretches(lengths) - len(parts))
    for place, part in enumerate(parts):
        values[f"seconds_{place}"] = part.bucket_seconds
        values[f"start_{place}"], values[f"end_{place}"] = part.start, part.end
    return values


def _sums(names: Iterable[str]) -> list[Any]:
    return [func.sum(rollups.c[name]) for name in names]


_OVERVIEW = PreparedQuery(select(*_sums(OVERVIEW)).where(rollups.c.tenant == _TENANT, _within(rollups)))
_CHANGES = PreparedQuery(select(*_sums(CHANGES)).where(rollups.c.tenant == _TENANT, _within(rollups)))
_RATES = PreparedQuery(
    select(rollups.c.urgency, *_sums(ENDS))
    .where(rollups.c.tenant == _TENANT, _within(rollups))
    .group_by(rollups.c.urgency)
)
_TIMINGS = PreparedQuery(
    select(timings.c.measure, timings.c.bin, func.sum(timings.c.count), func.sum(timings.c.total_us))
    .where(
        timings.c.tenant == _TENANT,
        timings.c.measure == any_(bindparam("measures", type_=ARRAY(Text()))),
        _within(timings, TIMING_SECONDS),
    )
    .group_by(timings.c.measure, timings.c.bin)
)


@lru_cache(maxsize=8)
def _series(names: tuple[str, ...]) -> PreparedQuery:
    time = rollups.c.at.type
    bucket = func.date_bin(bindparam("width", type_=Interval()), rollups.c.at, bindparam("epoch", type_=time))
    return PreparedQuery(
        select(bucket.label("bucket"), *_sums(names))
        .where(
            rollups.c.tenant == _TENANT,
            rollups.c.bucket_seconds == bindparam("kept", type_=Integer()),
            rollups.c.at >= bindparam("start", type_=time),
            rollups.c.at < bindparam("end", type_=time),
        )
        # By name: the same expression twice would carry its parameters twice, and look like two.
        .group_by(text("bucket"))
    )


def _depth() -> PreparedQuery:
    """Of each bucket, how much changed in it, and how high the sum of all changes of the span rose in it."""
    time = rollups.c.at.type
    cells = (
        select(rollups.c.at, *(func.sum(rollups.c[name]).label(name) for name in CHANGES))
        .where(
            rollups.c.tenant == _TENANT,
            rollups.c.bucket_seconds == bindparam("kept", type_=Integer()),
            rollups.c.at >= bindparam("start", type_=time),
            rollups.c.at < bindparam("end", type_=time),
        )
        .group_by(rollups.c.at)
        .cte("cells")
    )
    so_far = (func.sum(cells.c[name]).over(order_by=cells.c.at).label(f"{name}_so_far") for name in CHANGES)
    sums = select(cells, *so_far).cte("sums")
    bucket = func.date_bin(bindparam("width", type_=Interval()), sums.c.at, bindparam("epoch", type_=time))
    changed = [func.sum(sums.c[name]) for name in CHANGES]
    most = [func.max(sums.c[f"{name}_so_far"]) for name in CHANGES]
    return PreparedQuery(select(bucket.label("bucket"), *changed, *most).group_by(text("bucket")))


_DEPTH = _depth()


async def overview(snapshot: Snapshot, tenant: str, span: TimeRange, now: dict[str, int]) -> Overview:
    """The numbers on top of a dashboard; `now` counts the jobs by status as they stand."""
    found = await _OVERVIEW.rows(snapshot, _span_values(tenant, span.start, span.end))
    amounts = {name: int(value or 0) for name, value in zip(OVERVIEW, found[0], strict=True)}
    times = await _timings(snapshot, tenant, span, ("run", "wait"))
    run, wait = times["run"], times["wait"]
    ended = sum(amounts[name] for name in ENDS)
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


async def success_rates(snapshot: Snapshot, tenant: str, span: TimeRange) -> tuple[SuccessRate, ...]:
    """How jobs ended, by priority."""
    rows = await _RATES.rows(snapshot, _span_values(tenant, span.start, span.end))
    found = {row[0]: tuple(int(value) for value in row[1:]) for row in rows}
    rates = []
    for priority in Priority:
        completed, failed, cancelled = found.get(urgency_of(priority), (0, 0, 0))
        ended = completed + failed
        rates.append(
            SuccessRate(
                priority=priority,
                completed=completed,
                failed=failed,
                cancelled=cancelled,
                rate=completed / ended if ended else None,
            )
        )
    return tuple(rates)


async def stage_times(snapshot: Snapshot, tenant: str, span: TimeRange) -> tuple[StageTime, ...]:
    """How long stages took."""
    times = await _timings(snapshot, tenant, span, tuple(stage.value for stage in Stage))
    found = []
    for stage in Stage:
        its = times[stage.value]
        p50, p95 = percentile_seconds(its.bins, 0.5), percentile_seconds(its.bins, 0.95)
        if its.mean_seconds is not None and p50 is not None and p95 is not None:
            found.append(
                StageTime(
                    stage=stage,
                    count=its.count,
                    mean_seconds=its.mean_seconds,
                    p50_seconds=p50,
                    p95_seconds=p95,
                )
            )
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
    snapshot: Snapshot, tenant: str, span: TimeRange, measures: Iterable[str]
) -> defaultdict[str, _Times]:
    values = _span_values(tenant, span.start, span.end, TIMING_SECONDS) | {"measures": list(measures)}
    found: defaultdict[str, _Times] = defaultdict(_Times)
    for measure, number, count, total_us in await _TIMINGS.rows(snapshot, values):
        found[measure].bins[number] = int(count)
        found[measure].total_us += int(total_us)
    return found


async def queue_depth(snapshot: Snapshot, tenant: str, span: TimeRange, bucket_seconds: int) -> QueueDepth:
    """How many jobs waited and ran: what was there before the span, and what changed since."""
    bucket_seconds = choose_bucket(span, bucket_seconds)
    start = bucket_start(span.start, bucket_seconds)
    before = await _CHANGES.rows(snapshot, _span_values(tenant, EPOCH, start))
    before_queued, before_processing = (int(value or 0) for value in before[0])
    queued, processing = before_queued, before_processing
    values = _bucket_values(tenant, start, span.end, bucket_seconds)
    if (span.end - start).total_seconds() <= FINE_SPAN_SECONDS:
        values["kept"] = BUCKET_SECONDS[0]
    found = {row[0]: [int(value) for value in row[1:]] for row in await _DEPTH.rows(snapshot, values)}
    points = []
    for at in _bucket_starts(start, span.end, bucket_seconds):
        changed, its_changed, most, its_most = found.get(at, (0, 0, 0, 0))
        # What the changes add up to within the span, on top of what there was before it.
        peaks = max(queued, before_queued + most), max(processing, before_processing + its_most)
        queued, processing = queued + changed, processing + its_changed
        # Clocks of two machines may differ: a start may seem to come before its submission.
        points.append(
            DepthPoint(
                at=at,
                queued=max(0, queued),
                processing=max(0, processing),
                peak_queued=max(0, peaks[0]),
                peak_processing=max(0, peaks[1]),
            )
        )
    return QueueDepth(tuple(points), bucket_seconds)


async def trends(snapshot: Snapshot, tenant: str, span: TimeRange, bucket_seconds: int) -> Trends:
    """How many jobs were submitted and ended in each bucket."""
    bucket_seconds = choose_bucket(span, bucket_seconds)
    start = bucket_start(span.start, bucket_seconds)
    found = await _buckets(snapshot, tenant, start, span.end, bucket_seconds, TRENDS)
    points = []
    for at in _bucket_starts(start, span.end, bucket_seconds):
        submitted, completed, failed, cancelled = found.get(at, (0, 0, 0, 0))
        points.append(
            TrendPoint(at=at, submitted=submitted, completed=completed, failed=failed, cancelled=cancelled)
        )
    return Trends(tuple(points), bucket_seconds)


def choose_bucket(span: TimeRange, bucket_seconds: int) -> int:
    """Whole minutes, as long as asked for or as suits the span, and never more points than a chart can show."""
    seconds = max(60.0, (span.end - span.start).total_seconds())
    if bucket_seconds <= 0:
        fitting = (choice for choice in CHOICES_SECONDS if seconds / choice <= CHOSEN_POINTS)
        bucket_seconds = next(fitting, CHOICES_SECONDS[-1])
    least = -(-int(seconds) // MOST_POINTS)
    return max(60, -(-max(bucket_seconds, least) // 60) * 60)


async def _buckets(
    snapshot: Snapshot,
    tenant: str,
    start: datetime,
    end: datetime,
    bucket_seconds: int,
    names: tuple[str, ...],
) -> dict[datetime, tuple[int, ...]]:
    values = _bucket_values(tenant, start, end, bucket_seconds)
    rows = await _series(names).rows(snapshot, values)
    return {row[0]: tuple(int(value) for value in row[1:]) for row in rows}


def _bucket_values(tenant: str, start: datetime, end: datetime, bucket_seconds: int) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "start": start,
        # The last bucket is counted whole, like the first.
        "end": bucket_start(end + timedelta(seconds=bucket_seconds) - MICROSECOND, bucket_seconds),
        "kept": max(seconds for seconds in BUCKET_SECONDS if bucket_seconds % seconds == 0),
        "width": timedelta(seconds=bucket_seconds),
        "epoch": EPOCH,
    }


def _bucket_starts(start: datetime, end: datetime, bucket_seconds: int) -> Iterable[datetime]:
    at = start
    while at < end:
        yield at
        at += timedelta(seconds=bucket_seconds)
