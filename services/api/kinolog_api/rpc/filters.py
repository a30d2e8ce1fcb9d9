"""Filters, sort orders and time ranges of requests, parsed into those of the read model."""

from __future__ import annotations

from datetime import datetime, timedelta

from kinolog.codec.enums import PRIORITY_FROM_PROTO, STATUS_FROM_PROTO
from kinolog.job.values import Status
from kinolog.ports.read_model import JobFilter, SortField, SortOrder, TimeRange
from kinolog.texts import blank_as_empty
from kinolog.v1 import analytics_service_pb2, job_pb2
from kinolog_api.rpc.errors import RequestViolation, invalid_argument
from kinolog_api.rpc.validation import parse_time

DEFAULT_RANGE = timedelta(days=7)


def parse_filter(wire: job_pb2.JobFilter, path: str, now: datetime) -> JobFilter:
    """Return the filter at `path` of a request. Raises `RpcError` for an invalid time."""
    statuses = tuple(STATUS_FROM_PROTO[value] for value in wire.statuses)
    if wire.startable and not statuses:
        statuses = (Status.QUEUED,)
    return JobFilter(
        statuses=statuses,
        priorities=tuple(PRIORITY_FROM_PROTO[value] for value in wire.priorities),
        models=tuple(wire.models),
        styles=tuple(style.strip().lower() for style in wire.styles),
        created_from=parse_time(wire.created_from, f"{path}.created_from")
        if wire.HasField("created_from")
        else None,
        created_before=parse_time(wire.created_before, f"{path}.created_before")
        if wire.HasField("created_before")
        else None,
        text=blank_as_empty(wire.text),
        variant_of=wire.variant_of,
        startable_at=now if wire.startable else None,
    )


def parse_order(text: str) -> SortOrder:
    """Return the sort order of a validated `order_by`. A field alone sorts ascending; empty means newest first."""
    if not text:
        return SortOrder()
    name, _, direction = text.partition(" ")
    return SortOrder(SortField(name), descending=direction == "desc")


def parse_time_range(wire: analytics_service_pb2.TimeRange, now: datetime) -> TimeRange:
    """Return the time range with its open ends filled in. Raises `RpcError` if it does not end after its start."""
    end = parse_time(wire.before, "range.before") if wire.HasField("before") else now
    if not wire.HasField("from"):
        earliest = datetime.min.replace(tzinfo=end.tzinfo)
        return TimeRange(start=max(earliest + DEFAULT_RANGE, end) - DEFAULT_RANGE, end=end)
    start = parse_time(getattr(wire, "from"), "range.from")
    if start >= end:
        raise invalid_argument(
            [RequestViolation("range.from", "must be before the end of the range, which defaults to now")]
        )
    return TimeRange(start=start, end=end)
