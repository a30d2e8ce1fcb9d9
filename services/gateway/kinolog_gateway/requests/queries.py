"""Query strings of the other reads, and the bodies of commands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from kinolog_gateway.enum_names import LevelWord
from kinolog_gateway.http.problems import invalid
from kinolog_gateway.requests.filters import JobFilterQuery
from kinolog_gateway.requests.value_types import JobId, Priority, RequestModel, Text

SortField: TypeAlias = Literal["created_at", "updated_at", "progress", "duration", "priority"]
Limit = Annotated[int, Field(ge=1, le=100)]
MinPosition = Annotated[int, Field(ge=0, le=2**63 - 1)]
Reason = Annotated[Text, Field(max_length=500)]


CURSOR_SPAN = "~"
"""Parts the api's token from the start of the span that the first page was asked for."""


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


class JobsQuery(JobFilterQuery):
    """Which jobs to list, in which order, and which page."""

    sort: SortField = Field(
        "created_at", description="What to order by. duration is how long a job ran, from first start to end."
    )
    order: Literal["asc", "desc"] = Field("desc", description="asc or desc.")
    limit: Limit = Field(20, description="The most jobs to answer.")
    offset: int = Field(
        0, ge=0, le=10_000_000, description="Jobs to pass over; cursor is faster on deep pages."
    )
    cursor: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="next_cursor of the page before; the rest of the query must be the same."
    )
    min_position: MinPosition = Field(0, description="Wait until the lists have seen this position.")

    @property
    def token(self) -> str:
        """The api's token in the cursor."""
        return (self.cursor or "").partition(CURSOR_SPAN)[0]

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Start and end. On later pages, a span by its name still begins where it began on the first."""
        start = (self.cursor or "").partition(CURSOR_SPAN)[2]
        if not start:
            return super().bounds(now)
        try:
            return datetime.fromtimestamp(int(start, 36) / 1_000_000, UTC), None
        except (ValueError, OverflowError, OSError):
            raise invalid("cursor", "must be the next_cursor of the page before") from None

    def next_cursor(self, token: str, now: datetime) -> str | None:
        """The cursor of the next page; None behind the last."""
        start, _ = self.bounds(now)
        if not token or self.date_range is None or start is None:
            return token or None
        return f"{token}{CURSOR_SPAN}{_base36(round(start.timestamp() * 1_000_000))}"

    @field_validator("cursor")
    @classmethod
    def _page_once(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("offset"):
            raise ValueError("says the page a second time; give cursor or offset, not both")
        return value


class LogsQuery(RequestModel):
    """Which log lines."""

    limit: int = Field(20, ge=1, le=1000, description="The most lines to answer.")
    after: int | None = Field(
        None,
        ge=0,
        le=2**63 - 1,
        description="The first lines after this sequence; without it, the last lines.",
    )
    level: LevelWord = Field("debug", description="Only lines at least this severe.")


class ActivityQuery(RequestModel):
    """How much of the feed."""

    limit: Limit = Field(20, description="The most entries to answer.")
    before: int = Field(
        0, ge=0, le=2**63 - 1, description="Only entries before this position; 0 for the newest."
    )


class CancelRequest(RequestModel):
    """Why a job is cancelled."""

    reason: Reason | None = Field(None, description="Why, in words; kept in the history.")


class PriorityRequest(RequestModel):
    """Another priority for a job."""

    priority: Priority = Field(description="How soon it is wanted.", examples=["critical"])


class BulkRequest(RequestModel):
    """A command for many jobs: by ids, or for the first 1,000 that a filter finds."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"action": "cancel", "filter": {"status": ["queued"], "priority": ["low"]}},
                {"action": "reprioritize", "job_ids": ["abcdefghijklmnopqrstuvwxyz"], "priority": "high"},
            ]
        }
    )

    action: Literal["cancel", "retry", "reprioritize", "reprioritise", "erase"] = Field(
        description="What to do with each job."
    )
    job_ids: Annotated[list[JobId], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="The jobs. Give this or filter."
    )
    filter: JobFilterQuery | None = Field(
        None, description="Which jobs; it must narrow something, if only by all_time."
    )
    priority: Priority | None = Field(None, description="The priority, when the action is reprioritize.")
    reason: Reason | None = Field(None, description="Why, when the action is cancel.")

    @field_validator("filter")
    @classmethod
    def _one_selection(cls, value: JobFilterQuery | None, info: ValidationInfo) -> JobFilterQuery | None:
        if value is not None and info.data.get("job_ids") is not None:
            raise ValueError("says the jobs a second time; give job_ids or filter, not both")
        if value is not None and value.empty:
            raise ValueError('must narrow something; {"date_range": "all_time"} means every job')
        return value


class DistributionQuery(JobFilterQuery):
    """Which jobs to count."""

    min_position: MinPosition = Field(0, description="Wait until the counts have seen this position.")
