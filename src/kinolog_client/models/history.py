"""A job's history, log lines and proof."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from kinolog_client.models.base import ClientModel
from kinolog_client.models.jobs import JobInfo


class LogLineInfo(ClientModel):
    """A line that a worker wrote. `sequence` grows within a job."""

    sequence: int
    at: datetime | None
    attempt: int
    level: str
    message: str


class LogPageInfo(ClientModel):
    """Log lines, oldest first. `next_after` reads the lines that follow; None if there is no line."""

    job_id: str
    entries: tuple[LogLineInfo, ...]
    next_after: int | None = None


class EventInfo(ClientModel):
    """One event with its facts."""

    type: str
    at: datetime | None
    data: dict[str, Any] = Field(default_factory=dict)


class CommitInfo(ClientModel):
    """A commit of the log: a command, and the events that it produced."""

    position: int
    at: datetime | None
    command: str
    command_id: str = ""
    actor: str
    events: tuple[EventInfo, ...]
    version: int
    hash: str = ""
    previous_hash: str | None = None
    previous_position: int | None = None


class HistoryInfo(ClientModel):
    """The commits of a job, and the job after the last of them. `job` is None before the first commit."""

    job_id: str
    commits: tuple[CommitInfo, ...]
    job: JobInfo | None = None


class CheckInfo(ClientModel):
    """One check of a job's record."""

    name: str
    holds: bool
    detail: str = ""


class ProofInfo(ClientModel):
    """Every check of a job's record. `valid` if all of them hold."""

    job_id: str
    valid: bool
    checks: tuple[CheckInfo, ...] = ()
