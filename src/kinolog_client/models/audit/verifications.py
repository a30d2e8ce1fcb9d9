"""Comparisons of everything that is stored."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.models.base import ClientModel


class ComparedPartInfo(ClientModel):
    """A part that was compared, and its first difference. `position` and `job_id` are None if it is of none."""

    name: str
    count: int
    unit: str
    holds: bool
    position: int | None = None
    job_id: str | None = None
    detail: str = ""


class VerificationProgressInfo(ClientModel):
    """How far a comparison is."""

    commits: int
    all_commits: int
    jobs: int


class VerificationInfo(ClientModel):
    """A comparison of everything.

    `state` is running, holds, differs, failed or cancelled. A failed one could not be made, and `failure` says why.
    """

    verification_id: str
    files: str
    state: str
    started_by: str
    started_at: datetime | None
    ended_at: datetime | None = None
    cancelled_by: str = ""
    position: int = 0
    seconds: float = 0.0
    failure: str = ""
    parts: tuple[ComparedPartInfo, ...] = ()
    progress: VerificationProgressInfo | None = None


class VerificationListInfo(ClientModel):
    """Comparisons, newest first. `next_after` reads those that follow; None if there is none."""

    verifications: tuple[VerificationInfo, ...]
    next_after: str | None = None
