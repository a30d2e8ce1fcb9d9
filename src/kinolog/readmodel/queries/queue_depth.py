"""The chart of queued and running jobs over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, cast, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, array

from kinolog.ports.read_model import DepthPoint, QueueDepth, TimeRange
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
from kinolog.readmodel.tables import rollups
from kinolog.readmodel.time_buckets import BUCKET_SECONDS, EPOCH, bucket_start

CHANGES = ("queued_change", "processing_change")
FINE_SPAN_SECONDS = 92 * 86_400
"""In a span up to this long, the peak of a bucket is that of its minutes. Beyond, the minutes have too many rows."""


class _BucketChanges(NamedTuple):
    """Changes of a bucket, and the highest sums of all changes since the start of the span within it.

    `busiest` is the highest sum of both together, and the sum of the queued ones at that time.
    """

    queued: int = 0
    processing: int = 0
    peak_queued: int = 0
    peak_processing: int = 0
    busiest: Sequence[int] = (0, 0)


_CHANGES = PreparedQuery(select(*sums(CHANGES)).where(rollups.c.tenant == TENANT, within_span(rollups)))


def _depth_query() -> PreparedQuery:
    """Return the query for the `_BucketChanges` of each bucket."""
    cells = (
        select(rollups.c.at, *(func.sum(rollups.c[name]).label(name) for name in CHANGES))
        .where(rollups.c.tenant == TENANT, *in_chart())
        .group_by(rollups.c.at)
        .cte("cells")
    )
    so_far = (func.sum(cells.c[name]).over(order_by=cells.c.at).label(f"{name}_so_far") for name in CHANGES)
    running = select(cells, *so_far).cte("running")
    changes = [func.sum(running.c[name]) for name in CHANGES]
    totals = [running.c[f"{name}_so_far"] for name in CHANGES]
    peaks = [func.max(total) for total in totals]
    busiest = func.max(cast(array([totals[0] + totals[1], totals[0]]), ARRAY(BigInteger())))
    return PreparedQuery(
        select(chart_bucket(running.c.at), *changes, *peaks, busiest).group_by(text("bucket"))
    )


_DEPTH = _depth_query()


async def queue_depth(snapshot: Snapshot, tenant: str, span: TimeRange, bucket_seconds: int) -> QueueDepth:
    """Return how many jobs were queued and running: the depth before the span plus the changes since."""
    bucket_seconds = choose_bucket(span, bucket_seconds)
    start = bucket_start(span.start, bucket_seconds)
    before = await _CHANGES.rows(snapshot, span_values(tenant, EPOCH, start))
    queued_before, processing_before = (int(value or 0) for value in before[0])
    queued, processing = queued_before, processing_before
    changes = await _changes(snapshot, tenant, start, span.end, bucket_seconds)
    points = []
    for at in bucket_starts(start, span.end, bucket_seconds):
        change = changes.get(at, _BucketChanges())
        # The highest sum of changes within the span is on top of the depth before it.
        peak_queued = max(queued, queued_before + change.peak_queued)
        peak_processing = max(processing, processing_before + change.peak_processing)
        total, busiest_queued = max(
            (queued + processing, queued),
            (queued_before + processing_before + change.busiest[0], queued_before + change.busiest[1]),
        )
        queued, processing = queued + change.queued, processing + change.processing
        # Clocks of two machines can differ: a start may seem to come before its submission.
        points.append(
            DepthPoint(
                at=at,
                queued=max(0, queued),
                processing=max(0, processing),
                peak_queued=max(0, peak_queued),
                peak_processing=max(0, peak_processing),
                busiest_queued=max(0, busiest_queued),
                busiest_processing=max(0, total - busiest_queued),
            )
        )
    return QueueDepth(tuple(points), bucket_seconds)


async def _changes(
    snapshot: Snapshot, tenant: str, start: datetime, end: datetime, bucket_seconds: int
) -> dict[datetime, _BucketChanges]:
    values = chart_values(tenant, start, end, bucket_seconds)
    if (end - start).total_seconds() <= FINE_SPAN_SECONDS:
        values["stored_seconds"] = BUCKET_SECONDS[0]
    rows = await _DEPTH.rows(snapshot, values)
    return {
        bucket: _BucketChanges(int(queued), int(processing), int(peak_queued), int(peak_processing), busiest)
        for bucket, queued, processing, peak_queued, peak_processing, busiest in rows
    }
