"""Query strings of reads, and bodies of commands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from kinolog_gateway.enum_names import LogLevelName
from kinolog_gateway.http.problems import invalid
from kinolog_gateway.requests.filters import JobFilterQuery
from kinolog_gateway.requests.value_types import JobId, Priority, RequestModel, Text

SortField: TypeAlias = Literal["created_at", "updated_at", "progress", "duration", "priority"]
Limit = Annotated[int, Field(ge=1, le=100)]
MinPosition = Annotated[int, Field(ge=0, le=2**63 - 1)]
Reason = Annotated[Text, Field(max_length=500)]

CURSOR_SEPARATOR = "~"
"""Separates the api's page token from the start of the first page's time span."""


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


class JobsQuery(JobFilterQuery):
    """Filter, order and page of a list of jobs."""

    sort: SortField = Field(
        "created_at",
        description="Field to sort by. duration is how long a job's attempts ran together.",
    )
    order: Literal["asc", "desc"] = Field("desc", description="asc or desc.")
    limit: Limit = Field(20, description="Most jobs in the page.")
    offset: int = Field(0, ge=0, le=10_000_000, description="Jobs to skip; cursor is faster on deep pages.")
    cursor: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="next_cursor of the previous page; the rest of the query must be the same."
    )
    min_position: MinPosition = Field(0, description="Wait until the read model has reached this position.")

    @property
    def page_token(self) -> str:
        """The api's page token in the cursor."""
        return (self.cursor or "").partition(CURSOR_SEPARATOR)[0]

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return start and end. On later pages a named span keeps the start that it had on the first."""
        start = (self.cursor or "").partition(CURSOR_SEPARATOR)[2]
        if not start:
            return super().bounds(now)
        try:
            return datetime.fromtimestamp(int(start, 36) / 1_000_000, UTC), None
        except (ValueError, OverflowError, OSError):
            raise invalid("cursor", "must be the next_cursor of the previous page") from None

    def next_cursor(self, page_token: str, now: datetime) -> str | None:
        """Return the cursor for the page of the api's `page_token`; None after the last page."""
        start, _ = self.bounds(now)
        if not page_token or self.date_range is None or start is None:
            return page_token or None
        return f"{page_token}{CURSOR_SEPARATOR}{_base36(round(start.timestamp() * 1_000_000))}"

    @field_validator("cursor")
    @classmethod
    def _check_one_page(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("offset"):
            raise ValueError("gives the page twice; give cursor or offset, not both")
        return value


class LogsQuery(RequestModel):
    """Filter and page of a job's log lines."""

    limit: int = Field(20, ge=1, le=1000, description="Most lines in the page.")
    after: int | None = Field(
        None,
        ge=0,
        le=2**63 - 1,
        description="Return the first lines after this sequence; without it, the last lines.",
    )
    level: LogLevelName = Field("debug", description="Lowest level to return.")


class ActivityQuery(RequestModel):
    """Page of the activity feed."""

    limit: Limit = Field(20, description="Most entries in the page.")
    before: int = Field(
        0, ge=0, le=2**63 - 1, description="Only entries before this position; 0 for the newest."
    )


class CancelRequest(RequestModel):
    """Body of a cancel command."""

    reason: Reason | None = Field(None, description="Reason for the cancellation; stored in the history.")


class PriorityRequest(RequestModel):
    """Body of a priority command."""

    priority: Priority = Field(description="The new priority.", examples=["critical"])


class ReproduceRequest(RequestModel):
    """Optional body of the reproduction of a job."""

    priority: Priority = Field("low", description="Priority of the new job.", examples=["low"])


class BulkRequest(RequestModel):
    """A command for many jobs: by ids, or for the first 1,000 that a filter matches."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"action": "cancel", "filter": {"status": ["queued"], "priority": ["low"]}},
                {"action": "reprioritize", "job_ids": ["abcdefghijklmnopqrstuvwxyz"], "priority": "high"},
            ]
        }
    )

    action: Literal["cancel", "retry", "reprioritize", "reprioritise", "pause", "resume", "erase"] = Field(
        description="What to do with each job."
    )
    job_ids: Annotated[list[JobId], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="The jobs. Give this or filter."
    )
    filter: JobFilterQuery | None = Field(
        None,
        description="A filter of jobs. It needs at least one field; date_range all_time matches every job.",
    )
    priority: Priority | None = Field(None, description="The new priority, if the action is reprioritize.")
    reason: Reason | None = Field(None, description="Reason, if the action is cancel.")
    erasure_id: JobId | None = Field(
        None,
        description="Id of the erasure, if the action is erase. Requests with one id are one erasure in certificates.",
    )
    dry_run: bool | None = Field(
        None,
        description="If the action is erase: erase nothing, and say in `remaining` how many jobs would be erased.",
    )

    @field_validator("filter")
    @classmethod
    def _check_selection(cls, value: JobFilterQuery | None, info: ValidationInfo) -> JobFilterQuery | None:
        if value is not None and info.data.get("job_ids") is not None:
            raise ValueError("selects jobs twice; give job_ids or filter, not both")
        if value is not None and value.empty:
            raise ValueError('must have at least one field; {"date_range": "all_time"} matches every job')
        return value


class DistributionQuery(JobFilterQuery):
    """Filter of the jobs to count."""

    min_position: MinPosition = Field(0, description="Wait until the counts have reached this position.")
