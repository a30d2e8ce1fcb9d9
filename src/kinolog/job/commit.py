"""A commit: one decision about one job, as it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kinolog.job.events import Event
from kinolog.job.state import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFacts:
    """Which command led to a commit, and who gave it."""

    name: str
    id: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The command, the events it led to, and the state after them.

    `version` counts the job's events, these included. `previous_position` and `previous_hash` chain the job's
    commits; 0 and empty for the first.
    """

    job_id: str
    command: CommandFacts
    events: tuple[Event, ...]
    state: Job
    fold_version: int
    version: int
    previous_position: int
    previous_hash: bytes
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A commit with its place in the log. `raw` is the message as stored, `digest` the SHA-256 inside it."""

    position: int
    commit: Commit
    digest: bytes
    raw: bytes
