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
from kinolog.readmodel.tables import depths
from kinolog.readmodel.time_buckets import EPOCH, bucket_start

CHANGES = ("queued_change", "processing_change")


class _BucketChanges(NamedTuple):
    """Changes of a bucket, and the highest sums of all changes since the start of the span within it.

    `busiest` is the highest sum of both together, and the sum of the queued ones at that time.
    """

    queued: int = 0
    processing: int = 0
    peak_queued: int = 0
    peak_processing: int = 0
    busiest: Sequence[int] = (0, 0)


_CHANGES = PreparedQuery(select(*sums(depths, CHANGES)).where(depths.c.tenant == TENANT, within_span(depths)))


def _depth_query() -> PreparedQuery:
    """Return the query for the `_BucketChanges` of each bucket."""
    so_far = (
        (func.sum(depths.c[name]).over(order_by=depths.c.at) - depths.c[name]).label(f"{name}_before")
        for name in CHANGES
    )
    cells = select(depths, *so_far).where(depths.c.tenant == TENANT, *in_chart(depths)).cte("cells")
    queued, processing = (cells.c[f"{name}_before"] for name in CHANGES)
    busiest = array([queued + processing + cells.c.busiest_total, queued + cells.c.busiest_queued])
    return PreparedQuery(
        select(
            chart_bucket(cells.c.at),
            *sums(cells, CHANGES),
            func.max(queued + cells.c.peak_queued),
            func.max(processing + cells.c.peak_processing),
            func.max(cast(busiest, ARRAY(BigInteger()))),
        ).group_by(text("bucket"))
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
    rows = await _DEPTH.rows(snapshot, chart_values(tenant, start, end, bucket_seconds))
    return {
        bucket: _BucketChanges(int(queued), int(processing), int(peak_queued), int(peak_processing), busiest)
        for bucket, queued, processing, peak_queued, peak_processing, busiest in rows
    }
