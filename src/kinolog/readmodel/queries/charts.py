"""Charts from rollups and timings: sums over a few hundred rows, whatever the number of jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Text, any_, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from kinolog.job.values import Priority, Stage
from kinolog.ports.read_model import Overview, PriorityEnds, StageTime, TimeRange, TrendPoint, Trends
from kinolog.readmodel.priority_order import priority_order
from kinolog.readmodel.queries.conditions import TENANT
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.readmodel.queries.time_spans import (
    bucket_starts,
    chart_bucket,
    chart_values,
    choose_bucket,
    in_chart,
    span_values,
    sums,
    within_span,
)
from kinolog.readmodel.tables import rollups, timings
from kinolog.readmodel.time_buckets import TIMING_SECONDS, CountedDurations, bucket_start, percentile_seconds

SECOND_US = 1_000_000

OVERVIEW = ("submitted", "completed", "failed", "cancelled", "video_us", "gpu_us")
ENDS = ("completed", "failed", "cancelled")
TRENDS = ("submitted", *ENDS)

_OVERVIEW = PreparedQuery(
    select(*sums(rollups, OVERVIEW)).where(rollups.c.tenant == TENANT, within_span(rollups))
)
_RATES = PreparedQuery(
    select(rollups.c.urgency, *sums(rollups, ENDS))
    .where(rollups.c.tenant == TENANT, within_span(rollups))
    .group_by(rollups.c.urgency)
)
_TIMINGS = PreparedQuery(
    select(
        timings.c.measure,
        timings.c.bin,
        func.sum(timings.c.count),
        func.sum(timings.c.total_us),
        func.min(timings.c.least_us),
        func.max(timings.c.greatest_us),
    )
    .where(
        timings.c.tenant == TENANT,
        timings.c.measure == any_(bindparam("measures", type_=ARRAY(Text()))),
        within_span(timings, TIMING_SECONDS),
    )
    .group_by(timings.c.measure, timings.c.bin)
)
_TRENDS = PreparedQuery(
    select(chart_bucket(rollups.c.at), *sums(rollups, TRENDS))
    .where(rollups.c.tenant == TENANT, *in_chart(rollups))
    # By name: the same expression twice would have its parameters twice, and be two expressions to Postgres.
    .group_by(text("bucket"))
)


def _amounts(names: Iterable[str], values: Iterable[Any]) -> dict[str, int]:
    """Return sums by name; the sum of no rows is 0."""
    return {name: int(value or 0) for name, value in zip(names, values, strict=True)}


async def overview(snapshot: Snapshot, tenant: str, span: TimeRange, now: dict[str, int]) -> Overview:
    """Return the figures at the top of a dashboard; `now` is the current number of jobs by status."""
    rows = await _OVERVIEW.rows(snapshot, span_values(tenant, span.start, span.end))
    amounts = _amounts(OVERVIEW, rows[0])
    histograms = await _histograms(snapshot, tenant, span, ("run", "wait"))
    run, wait = histograms["run"], histograms["wait"]
    return Overview(
        submitted=amounts["submitted"],
        completed=amounts["completed"],
        failed=amounts["failed"],
        cancelled=amounts["cancelled"],
        queued_now=now.get("queued", 0),
        processing_now=now.get("processing", 0),
        mean_seconds=run.mean_seconds,
        p50_seconds=percentile_seconds(run.bins, 0.5),
        p95_seconds=percentile_seconds(run.bins, 0.95),
        mean_wait_seconds=wait.mean_seconds,
        video_seconds=amounts["video_us"] / SECOND_US,
        gpu_seconds=amounts["gpu_us"] / SECOND_US,
    )


async def success_rates(snapshot: Snapshot, tenant: str, span: TimeRange) -> tuple[PriorityEnds, ...]:
    """Return how jobs ended, by priority."""
    rows = await _RATES.rows(snapshot, span_values(tenant, span.start, span.end))
    ends = {order: _amounts(ENDS, values) for order, *values in rows}
    rates = []
    for priority in Priority:
        amounts = ends.get(priority_order(priority), dict.fromkeys(ENDS, 0))
        rates.append(PriorityEnds(priority=priority, **amounts))
    return tuple(rates)


async def stage_times(snapshot: Snapshot, tenant: str, span: TimeRange) -> tuple[StageTime, ...]:
    """Return how long stages took."""
    histograms = await _histograms(snapshot, tenant, span, tuple(stage.value for stage in Stage))
    times = []
    for stage in Stage:
        histogram = histograms[stage.value]
        p50, p95 = percentile_seconds(histogram.bins, 0.5), percentile_seconds(histogram.bins, 0.95)
        if histogram.mean_seconds is not None and p50 is not None and p95 is not None:
            times.append(
                StageTime(
                    stage=stage,
                    count=histogram.count,
                    mean_seconds=histogram.mean_seconds,
                    p50_seconds=p50,
                    p95_seconds=p95,
                )
            )
    return tuple(times)


async def trends(snapshot: Snapshot, tenant: str, span: TimeRange, bucket_seconds: int) -> Trends:
    """Return how many jobs were submitted and ended in each bucket."""
    bucket_seconds = choose_bucket(span, bucket_seconds)
    start = bucket_start(span.start, bucket_seconds)
    rows = await _TRENDS.rows(snapshot, chart_values(tenant, start, span.end, bucket_seconds))
    amounts = {bucket: _amounts(TRENDS, values) for bucket, *values in rows}
    nothing = dict.fromkeys(TRENDS, 0)
    points = (
        TrendPoint(at=at, **amounts.get(at, nothing)) for at in bucket_starts(start, span.end, bucket_seconds)
    )
    return Trends(tuple(points), bucket_seconds)


@dataclass(slots=True)
class _Histogram:
    """Durations of one measure, by bin, and their sum."""

    bins: dict[int, CountedDurations] = field(default_factory=dict)
    total_us: int = 0

    @property
    def count(self) -> int:
        return sum(durations.count for durations in self.bins.values())

    @property
    def mean_seconds(self) -> float | None:
        return self.total_us / self.count / SECOND_US if self.count else None


async def _histograms(
    snapshot: Snapshot, tenant: str, span: TimeRange, measures: Iterable[str]
) -> defaultdict[str, _Histogram]:
    values = span_values(tenant, span.start, span.end, TIMING_SECONDS) | {"measures": list(measures)}
    histograms: defaultdict[str, _Histogram] = defaultdict(_Histogram)
    for measure, number, count, total_us, least_us, greatest_us in await _TIMINGS.rows(snapshot, values):
        histograms[measure].bins[number] = CountedDurations(int(count), least_us, greatest_us)
        histograms[measure].total_us += int(total_us)
    return histograms
