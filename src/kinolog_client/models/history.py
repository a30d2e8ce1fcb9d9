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
    api_key_id: str = ""
    client: str = ""
    address: str = ""
    via: str = ""
    events: tuple[EventInfo, ...]
    version: int
    hash: str = ""
    previous_hash: str | None = None
    previous_position: int | None = None


class FoundCommitInfo(CommitInfo):
    """A commit that a question asks for, and its job."""

    job_id: str
    model: str


class FoundCommitsInfo(ClientModel):
    """A page of commits. `next_position` reads the next page; None if no more follow."""

    commits: tuple[FoundCommitInfo, ...]
    next_position: int | None = None
    position: int


class ReadInfo(ClientModel):
    """A read of a caller, or several equal ones within some seconds: who read what, from where, and when.

    `outcome` is `ok`, the name of an error, `started` for a stream that may go on, or `lost`: then `times` is the
    number of reads of which nothing else is known.
    """

    batch: int
    index: int
    first_at: datetime | None
    last_at: datetime | None
    times: int
    actor: str
    api_key_id: str = ""
    client: str = ""
    address: str = ""
    via: str = ""
    kind: str
    method: str
    route: str = ""
    job_id: str = ""
    resource: str = ""
    offset: int = 0
    limit: int = 0
    size_bytes: int = 0
    outcome: str


class FoundReadsInfo(ClientModel):
    """A page of reads. `next_cursor` reads the next page, which may follow an empty one; None if no more follow."""

    reads: tuple[ReadInfo, ...]
    next_cursor: str | None = None


class CommandCountInfo(ClientModel):
    """How many commits of an actor have a command, and the first and the last of them."""

    actor: str
    command: str
    commits: int
    first_at: datetime | None
    last_at: datetime | None
    first_position: int
    last_position: int


class CommandCountsInfo(ClientModel):
    """Who sent which commands, most commits first."""

    counts: tuple[CommandCountInfo, ...]


class JobPlaceInfo(ClientModel):
    """A job in the queue, or on a worker.

    `jobs_before` is how many jobs started before it, if lanes took turns by weight alone; None if it did not wait for a
    worker. `since` is when the commit at `since_position` brought it there.
    """

    job_id: str
    model: str
    priority: str
    jobs_before: int | None = None
    queued_at: datetime | None
    paused: bool
    attempt: int
    worker: str = ""
    since: datetime | None
    since_position: int


class QueueAtInfo(ClientModel):
    """The jobs that were queued, in the order of the queue, and those that ran, at a position."""

    position: int
    at: datetime | None = None
    queued: tuple[JobPlaceInfo, ...]
    queued_total: int
    running: tuple[JobPlaceInfo, ...]
    running_total: int


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
