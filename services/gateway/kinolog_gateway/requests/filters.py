"""Job filters and time spans, shared by lists, bulk commands and charts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Literal, TypeAlias, overload

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from kinolog.v1 import analytics_service_pb2 as analytics
from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.enum_names import PRIORITY_NUMBERS, STATUS_NUMBERS
from kinolog_gateway.requests.value_types import (
    Names,
    Priorities,
    RequestModel,
    Rfc3339Time,
    Statuses,
    Styles,
    Text,
    UtcOffset,
    VariantOf,
)

DateRangeName: TypeAlias = Literal[
    "today", "this_week", "this_month", "last_24_hours", "last_7_days", "last_30_days", "all_time"
]


def _underscored(value: object) -> object:
    return value.strip().lower().replace(" ", "_") if isinstance(value, str) else value


DateRange = Annotated[DateRangeName, BeforeValidator(_underscored)]


class SpanQuery(RequestModel):
    """A time span: a name, or from and to. Names count days by the clock of `utc_offset`; weeks start on Monday."""

    date_range: DateRange | None = Field(None, description="A named span. Give this, or from and to.")
    utc_offset: UtcOffset | None = Field(
        None,
        description="Offset from UTC of the clock by which today, this_week and this_month begin at midnight; "
        "without it, UTC.",
        examples=["+02:00"],
    )
    from_: Rfc3339Time | None = Field(None, alias="from", description="Start of the span, inclusive.")
    to: Rfc3339Time | None = Field(None, description="End of the span, exclusive.")

    @field_validator("from_", "to")
    @classmethod
    def _check_one_span(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        if value is not None and info.data.get("date_range") is not None:
            raise ValueError("gives the span twice; give date_range, or from and to")
        return value

    @field_validator("to")
    @classmethod
    def _check_order(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("from_")
        if value is not None and start is not None and value <= start:
            raise ValueError("must be later than from")
        return value

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return start and end; None where the span is open."""
        if self.date_range is None:
            return self.from_, self.to
        return _range_start(self.date_range, now.astimezone(timezone(self.utc_offset or timedelta()))), None


def _range_start(name: DateRangeName, now: datetime) -> datetime | None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    match name:
        case "today":
            return midnight
        case "this_week":
            return midnight - timedelta(days=now.weekday())
        case "this_month":
            return midnight.replace(day=1)
        case "last_24_hours":
            return now - timedelta(hours=24)
        case "last_7_days":
            return now - timedelta(days=7)
        case "last_30_days":
            return now - timedelta(days=30)
        case "all_time":
            return None


class JobFilterQuery(SpanQuery):
    """A filter of jobs. A job must match every field, and any of several values of one field."""

    status: Statuses | None = Field(None, description="With one of these statuses.", examples=[["queued"]])
    priority: Priorities | None = Field(None, description="With one of these priorities.")
    model: Names | None = Field(None, description="With one of these models.")
    style: Styles | None = Field(None, description="With one of these styles.")
    text: Annotated[Text, Field(max_length=200)] | None = Field(
        None, description="With this text in the prompt or the id, ignoring case."
    )

    variant_of: VariantOf | None = Field(
        None,
        description="One of the variants of one request: the id of the first of them, as in variant_of of a job.",
    )
    startable: bool | None = Field(
        None, description="Queued, not paused, and not waiting for a time: what workers may start now."
    )

    def to_proto(self, now: datetime, *, statuses: bool = True) -> pb.JobFilter:
        """Return the filter for the api. `statuses=False` omits what narrows statuses, for counts by status."""
        start, end = self.bounds(now)
        return pb.JobFilter(
            statuses=[STATUS_NUMBERS[name] for name in self.status or ()] if statuses else [],
            priorities=[PRIORITY_NUMBERS[name] for name in self.priority or ()],
            created_from=to_timestamp(start),
            created_before=to_timestamp(end),
            models=self.model or [],
            styles=self.style or [],
            text=self.text or "",
            variant_of=self.variant_of or "",
            startable=bool(self.startable) and statuses,
        )

    @property
    def empty(self) -> bool:
        """Whether no field has a value that selects jobs: null, no names and a blank text select all, as no field does.

        A client that passes on the `variant_of` of a single job, which is null, must not command every job.
        """
        given = {name: getattr(self, name) for name in self.model_fields_set - {"utc_offset"}}
        return not any(value.strip() if isinstance(value, str) else value for value in given.values())


@overload
def to_timestamp(time: datetime) -> Timestamp: ...


@overload
def to_timestamp(time: datetime | None) -> Timestamp | None: ...


def to_timestamp(time: datetime | None) -> Timestamp | None:
    """Return a time as a protobuf timestamp; None for None."""
    if time is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(time.astimezone(UTC))
    return timestamp


class ChartQuery(SpanQuery):
    """The time span of a chart. The api's default is the last seven days."""

    def to_proto(self, now: datetime) -> analytics.TimeRange:
        """Return the span for the api."""
        start, end = self.bounds(now)
        if self.date_range == "all_time":
            start = datetime(1970, 1, 1, tzinfo=UTC)
        return analytics.TimeRange(**{"from": to_timestamp(start)}, before=to_timestamp(end))


class SeriesQuery(ChartQuery):
    """The time span and bucket size of a series."""

    bucket_seconds: int = Field(
        0, ge=0, le=2_678_400, description="Length of a bucket; 0 lets the service choose."
    )
