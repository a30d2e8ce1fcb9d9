"""Filters, orders and spans of time between the wire and the read model."""

from __future__ import annotations

from datetime import datetime, timedelta

from kinolog.codec.enums import PRIORITY_FROM_WIRE, STATUS_FROM_WIRE
from kinolog.ports.read_model import JobFilter, SortField, SortOrder, TimeRange
from kinolog.v1 import analytics_service_pb2, job_pb2
from kinolog_api.rpc.errors import FieldViolation, invalid
from kinolog_api.rpc.validation import read_time

DEFAULT_SPAN = timedelta(days=7)


def read_filter(wire: job_pb2.JobFilter, path: str) -> JobFilter:
    """Which jobs. Raises an ApiError for a time that is none; `path` is where the filter stands in the request."""
    return JobFilter(
        statuses=tuple(STATUS_FROM_WIRE[value] for value in wire.statuses),
        priorities=tuple(PRIORITY_FROM_WIRE[value] for value in wire.priorities),
        models=tuple(wire.models),
        styles=tuple(style.lower() for style in wire.styles),
        created_from=read_time(wire.created_from, f"{path}.created_from")
        if wire.HasField("created_from")
        else None,
        created_before=read_time(wire.created_before, f"{path}.created_before")
        if wire.HasField("created_before")
        else None,
        text=wire.text,
    )


def read_order(text: str) -> SortOrder:
    """How to order: a field alone ascends; nothing at all means the newest first. The form is checked before."""
    if not text:
        return SortOrder()
    name, _, direction = text.partition(" ")
    return SortOrder(SortField(name), descending=direction == "desc")


def read_span(wire: analytics_service_pb2.TimeRange, now: datetime) -> TimeRange:
    """The span, its open ends filled in. Raises an ApiError when its ends are the wrong way round."""
    end = read_time(wire.before, "range.before") if wire.HasField("before") else now
    if not wire.HasField("from"):
        earliest = datetime.min.replace(tzinfo=end.tzinfo)
        return TimeRange(max(earliest + DEFAULT_SPAN, end) - DEFAULT_SPAN, end)
    start = read_time(getattr(wire, "from"), "range.from")
    if start >= end:
        raise invalid(
            [FieldViolation("range.from", "must be before the end of the span, which is now when not given")]
        )
    return TimeRange(start, end)
