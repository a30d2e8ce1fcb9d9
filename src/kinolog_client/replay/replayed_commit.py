"""A commit of the log as a typed object."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kinolog_client.replay.job_events import JobEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedCommit:
    """What one command did to one job: its events, in their order.

    `position` is its place in the log, `hash` the SHA-256 of its bytes, `version` the number of the last event of it in
    the history of the job. A projection that names its `events` gets no others.
    """

    position: int
    job_id: str
    tenant: str
    actor: str
    command: str
    command_id: str
    at: datetime
    version: int
    hash: str
    events: tuple[JobEvent, ...]
