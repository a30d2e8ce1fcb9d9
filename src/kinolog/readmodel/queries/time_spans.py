"""Spans of time as conditions on rollups and timings, and the buckets of a chart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Integer, Interval, Table, and_, bindparam, func, or_

from kinolog.ports.read_model import TimeRange
from kinolog.readmodel.queries.conditions import Condition
from kinolog.readmodel.time_buckets import (
    BUCKET_SECONDS,
    EPOCH,
    MICROSECOND,
    BucketSpan,
    bucket_spans,
    bucket_start,
)

CHOICES_SECONDS = (60, 300, 900, 3_600, 3 * 3_600, 6 * 3_600, 86_400, 7 * 86_400, 28 * 86_400)
"""Buckets that a chart chooses from."""
CHOSEN_POINTS = 200
"""A chart chooses the shortest bucket that gives at most this many points."""
MAX_POINTS = 1_500


def _max_bucket_spans(lengths: tuple[int, ...]) -> int:
    """Return the maximum number of bucket spans of a span: the longest in the middle, the others on both sides."""
    return 2 * len(lengths) - 1


def within_span(table: Table, lengths: tuple[int, ...] = BUCKET_SECONDS) -> Condition:
    """Return the condition that a row belongs to the buckets that cover a span; `span_values` has its values."""
    time = table.c.at.type
    return or_(
        *(
            and_(
                table.c.bucket_seconds == bindparam(f"seconds_{index}", type_=Integer()),
                table.c.at >= bindparam(f"start_{index}", type_=time),
                table.c.at < bindparam(f"end_{index}", type_=time),
            )
            for index in range(_max_bucket_spans(lengths))
        )
    )


def span_values(
    tenant: str, start: datetime, end: datetime, lengths: tuple[int, ...] = BUCKET_SECONDS
) -> dict[str, Any]:
    """Return the values of the parameters of `within_span`, and the tenant."""
    values: dict[str, Any] = {"tenant": tenant}
    spans = list(bucket_spans(start, end, lengths))
    spans += [BucketSpan(lengths[0], EPOCH, EPOCH)] * (_max_bucket_spans(lengths) - len(spans))
    for index, span in enumerate(spans):
        values[f"seconds_{index}"] = span.bucket_seconds
        values[f"start_{index}"], values[f"end_{index}"] = span.start, span.end
    return values


def sums(table: FromClause, names: Iterable[str]) -> list[ColumnElement[Any]]:
    """Return the sums of columns of a table."""
    return [func.sum(table.c[name]) for name in names]


def choose_bucket(span: TimeRange, bucket_seconds: int) -> int:
    """Return the length of a chart's buckets in seconds, whole minutes.

    It is the requested one or, for 0, one that suits the span. It is never so short that the chart has more than
    about `MAX_POINTS` points.
    """
    seconds = max(60.0, (span.end - span.start).total_seconds())
    if bucket_seconds <= 0:
        fitting = (choice for choice in CHOICES_SECONDS if seconds / choice <= CHOSEN_POINTS)
        bucket_seconds = next(fitting, CHOICES_SECONDS[-1])
    shortest = -(-int(seconds) // MAX_POINTS)
    return max(60, -(-max(bucket_seconds, shortest) // 60) * 60)


def in_chart(table: Table) -> list[Condition]:
    """Return the conditions that a row belongs to a chart; `chart_values` has their values."""
    time = table.c.at.type
    return [
        table.c.bucket_seconds == bindparam("stored_seconds", type_=Integer()),
        table.c.at >= bindparam("start", type_=time),
        table.c.at < bindparam("end", type_=time),
    ]


def chart_bucket(at: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the start of the chart's bucket that contains a time, labelled `bucket`."""
    width, origin = bindparam("width", type_=Interval()), bindparam("origin", type_=at.type)
    return func.date_bin(width, at, origin).label("bucket")


def chart_values(tenant: str, start: datetime, end: datetime, bucket_seconds: int) -> dict[str, Any]:
    """Return the values of the parameters of `in_chart` and `chart_bucket`, and the tenant."""
    return {
        "tenant": tenant,
        "start": start,
        # The last bucket counts as a whole, like the first.
        "end": bucket_start(end + timedelta(seconds=bucket_seconds) - MICROSECOND, bucket_seconds),
        "stored_seconds": max(seconds for seconds in BUCKET_SECONDS if bucket_seconds % seconds == 0),
        "width": timedelta(seconds=bucket_seconds),
        "origin": EPOCH,
    }


def bucket_starts(start: datetime, end: datetime, bucket_seconds: int) -> Iterator[datetime]:
    """Yield the starts of a chart's buckets, oldest first."""
    at = start
    while at < end:
        yield at
        at += timedelta(seconds=bucket_seconds)
