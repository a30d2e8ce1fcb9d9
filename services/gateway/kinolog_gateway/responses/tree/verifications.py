"""Comparisons of everything that is stored."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog.v1 import access_pb2 as access
from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.enum_names import (
    FileCheckName,
    VerificationStateName,
    file_check_name,
    time_field,
    verification_state_name,
)
from kinolog_gateway.responses.job_parts import ResponseModel


class ComparedPartView(ResponseModel):
    """A part that was compared with the rest."""

    name: str = Field(description="Name of the part.", examples=["log and archive"])
    count: int = Field(description="How many were compared.", examples=[1200])
    unit: str = Field(description="Of what.", examples=["commit"])
    holds: bool = Field(description="Whether nothing differs.")
    position: int | None = Field(
        description="Position of the first difference; null if it is that of no commit, or there is none."
    )
    job_id: str | None = Field(description="Job of the first difference; null if it is of no job.")
    detail: str = Field(description="What differs first; empty if nothing does.")


class VerificationProgressView(ResponseModel):
    """How far a comparison is."""

    commits: int = Field(description="Commits that were compared.")
    all_commits: int = Field(description="Commits that there are.")
    jobs: int = Field(description="Jobs that were compared.")


class VerificationView(ResponseModel):
    """A comparison of everything: its result, or how far it is."""

    verification_id: str = Field(examples=["abcdefghijklmnopqrstuvwxyz"])
    files: FileCheckName = Field(description="How files are compared.")
    state: VerificationStateName = Field(
        description="What became of it. `failed`: it could not be made, which says nothing about what is stored."
    )
    started_by: str = Field(
        description="Who started it; `schedule` for those that are repeated.", examples=["ada"]
    )
    started_at: datetime | None
    ended_at: datetime | None = Field(description="Null while it goes on.")
    cancelled_by: str = Field(description="Who cancelled it; empty if nobody did.")
    position: int = Field(description="Up to which position of the log everything was compared.")
    seconds: float = Field(description="How long it took.")
    failure: str = Field(description="Why it could not be made; empty if it was.")
    parts: list[ComparedPartView] = Field(description="What was compared.")
    progress: VerificationProgressView | None = Field(
        description="Null before the projector has begun it, and after its end."
    )


class VerificationListView(ResponseModel):
    """Comparisons of everything, newest first."""

    verifications: list[VerificationView]
    next_after: str | None = Field(
        description="Value of `after` for the comparisons that follow; null if there is none."
    )


def verification_view(made: audit.Verification) -> VerificationView:
    """Return a comparison."""
    progress = None
    if made.HasField("progress"):
        progress = VerificationProgressView(
            commits=made.progress.commits, all_commits=made.progress.all_commits, jobs=made.progress.jobs
        )
    return VerificationView(
        verification_id=made.verification_id,
        files=file_check_name(made.files),
        state=verification_state_name(made.state),
        started_by=made.started_by,
        started_at=time_field(made, "started_at"),
        ended_at=time_field(made, "ended_at"),
        cancelled_by=made.cancelled_by,
        position=made.position,
        seconds=made.seconds,
        failure=made.failure,
        parts=list(map(_part_view, made.parts)),
        progress=progress,
    )


def verification_list_view(response: audit.ListVerificationsResponse) -> VerificationListView:
    """Return a page of comparisons."""
    found = list(map(verification_view, response.verifications))
    return VerificationListView(verifications=found, next_after=found[-1].verification_id if found else None)


def _part_view(part: access.ComparedPart) -> ComparedPartView:
    return ComparedPartView(
        name=part.name,
        count=part.count,
        unit=part.unit,
        holds=part.holds,
        position=part.position or None,
        job_id=part.job_id or None,
        detail=part.detail,
    )
