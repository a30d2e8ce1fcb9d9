"""Query strings of exports of the log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from kinolog.v1 import export_service_pb2 as pb
from kinolog_gateway.http import text_patterns
from kinolog_gateway.requests.filters import to_timestamp
from kinolog_gateway.requests.value_types import JobId, RequestModel, Rfc3339Time

Position = Annotated[int, Field(ge=1, le=2**63 - 1)]
HeadSize = Annotated[int, Field(ge=1, le=2**63 - 1)]


class CommitQuery(RequestModel):
    """A selection of commits. A commit must match every field."""

    job: JobId | None = Field(None, description="Commits of this job.")
    from_: Position | None = Field(None, alias="from", description="The first position, inclusive.")
    to: Position | None = Field(
        None, description="The last position, inclusive; without it the one that is last now."
    )
    since: Rfc3339Time | None = Field(None, description="Commits that were decided at this time or later.")
    until: Rfc3339Time | None = Field(None, description="Commits that were decided before this time.")
    actor: str = Field("", pattern=text_patterns.ACTOR_OR_NONE, description="Commits of this actor.")
    tenant: str = Field(
        "",
        pattern=text_patterns.TENANT,
        description="Commits of jobs of this tenant; without it that of your key. * for every tenant, which needs a "
        "key of every tenant.",
    )

    @field_validator("to")
    @classmethod
    def _check_positions(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value < (info.data.get("from_") or 1):
            raise ValueError("must not be before from")
        return value

    @field_validator("until")
    @classmethod
    def _check_times(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        since = info.data.get("since")
        if value is not None and since is not None and value <= since:
            raise ValueError("must be later than since")
        return value

    def selection(self) -> pb.CommitSelection:
        """Return the selection for the api."""
        return pb.CommitSelection(
            job_id=self.job or "",
            first_position=self.from_ or 0,
            last_position=self.to or 0,
            since=to_timestamp(self.since),
            until=to_timestamp(self.until),
            actor=self.actor,
            tenant=self.tenant,
        )


class EventExportQuery(CommitQuery):
    """What an export of events has."""

    prompts: bool = Field(
        False, description="Export prompts and other texts of users, too. It needs the scope read."
    )


class BundleQuery(CommitQuery):
    """What a bundle has."""

    files: bool = Field(False, description="With the files that the commits name. It needs the scope read.")
    prompts: bool = Field(
        False,
        description="With the keys that unseal prompts and everything else that the jobs sealed. It needs the scope "
        "read.",
    )
    earlier_size: list[HeadSize] | None = Field(
        None,
        max_length=100,
        description="Sizes of earlier heads of the tree that the reader has. The bundle continues them.",
    )
