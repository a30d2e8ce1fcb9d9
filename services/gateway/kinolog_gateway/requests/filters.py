"""Which jobs, and which span of time: what lists, bulk commands and charts share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from kinolog.v1 import analytics_service_pb2 as analytics
from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.enum_names import PRIORITY_NUMBERS, STATUS_NUMBERS
from kinolog_gateway.requests.value_types import (
    Instant,
    Names,
    Priorities,
    RequestModel,
    Statuses,
    Styles,
    Text,
)

RangeWord: TypeAlias = Literal[
    "today", "this_week", "this_month", "last_24_hours", "last_7_days", "last_30_days", "all_time"
]


def _underscored(value: object) -> object:
    return value.strip().lower().replace(" ", "_") if isinstance(value, str) else value


DateRange = Annotated[RangeWord, BeforeValidator(_underscored)]


class SpanQuery(RequestModel):
    """A span of time: a word, or from and to. Words count days in UTC; weeks begin on Monday."""

    date_range: DateRange | None = Field(None, description="A span by its name. Give this, or from and to.")
    from_: Instant | None = Field(None, alias="from", description="Start of the span, included.")
    to: Instant | None = Field(None, description="End of the span, not included.")

    @field_validator("from_", "to")
    @classmethod
    def _one_way(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        if value is not None and info.data.get("date_range") is not None:
            raise ValueError("says the span a second time; give date_range, or from and to")
        return value

    @field_validator("to")
    @classmethod
    def _in_order(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("from_")
        if value is not None and start is not None and value <= start:
            raise ValueError("must be later than from")
        return value

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Start and end; None where it is open."""
        if self.date_range is None:
            return self.from_, self.to
        return _start(self.date_range, now.astimezone(UTC)), None


def _start(word: RangeWord, now: datetime) -> datetime | None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    match word:
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
    """Which jobs. Fields narrow each other; several values in one field widen it."""

    status: Statuses | None = Field(None, description="With one of these statuses.", examples=[["queued"]])
    priority: Priorities | None = Field(None, description="With one of these priorities.")
    model: Names | None = Field(None, description="With one of these models.")
    style: Styles | None = Field(None, description="With one of these styles.")
    text: Annotated[Text, Field(max_length=200)] | None = Field(
        None, description="With this text in the prompt or the id, in any case."
    )

    def to_proto(self, now: datetime, *, statuses: bool = True) -> pb.JobFilter:
        """The filter for the api; without the statuses where they are what is counted."""
        start, end = self.bounds(now)
        return pb.JobFilter(
            statuses=[STATUS_NUMBERS[word] for word in self.status or ()] if statuses else [],  # type: ignore[misc]  # numbers of an enum
            priorities=[PRIORITY_NUMBERS[word] for word in self.priority or ()],  # type: ignore[misc]  # numbers of an enum
            created_from=stamp(start),
            created_before=stamp(end),
            models=self.model or [],
            styles=self.style or [],
            text=self.text or "",
        )

    @property
    def empty(self) -> bool:
        """True when nothing narrows it."""
        return not self.model_fields_set


def stamp(time: datetime | None) -> Timestamp | None:
    """A time on the wire; None stays None."""
    if time is None:
        return None
    wire = Timestamp()
    wire.FromDatetime(time.astimezone(UTC))
    return wire


class ChartQuery(SpanQuery):
    """Of which span a chart is; without one, of the last seven days."""

    def to_proto(self, now: datetime) -> analytics.TimeRange:
        """The span for the api."""
        start, end = self.bounds(now)
        if self.date_range == "all_time":
            start = datetime(1970, 1, 1, tzinfo=UTC)
        return analytics.TimeRange(**{"from": stamp(start)}, before=stamp(end))


class SeriesQuery(ChartQuery):
    """Of which span a series is, and how finely."""

    bucket_seconds: int = Field(
        0, ge=0, le=2_678_400, description="Length of a bucket; 0 lets the service choose."
    )
