"""When the first attempt of a new job may start, and by when it must have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument
from kinolog_api.rpc.validation import parse_time

LONGEST_WAIT = timedelta(days=366)
"""How far ahead a job may be submitted."""

TOLERATED = timedelta(minutes=1)
"""A time that is no longer ago means now: clocks differ, and requests take time."""


class StartingJob(Protocol):
    """A job that may have to wait for a time."""

    @property
    def start_after(self) -> datetime | None: ...


def start_after(request: pb.SubmitJobRequest) -> datetime | None:
    """Return when a job may start; None for at once. Raises INVALID_ARGUMENT outside of the years 1 to 9999."""
    return parse_time(request.start_after, "start_after") if request.HasField("start_after") else None


class StartTimeCheck:
    """Refuses jobs whose time to start is past, or too far ahead."""

    def __init__(self, store: EventStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def check_new_jobs(self, jobs: Mapping[str, StartingJob]) -> dict[str, RpcError]:
        """Return the error of each refused job by its id.

        A job that is in the log already is not refused: its request is repeated, and its time may have come since.
        """
        refused: dict[str, RpcError] = {}
        for job_id, job in jobs.items():
            problem = self._problem(job.start_after)
            if problem and await self._store.load(job_id) is None:
                refused[job_id] = invalid_argument([RequestViolation("start_after", problem)])
        return refused

    def _problem(self, at: datetime | None) -> str:
        """Return what is wrong with a time; empty if nothing is."""
        if at is None:
            return ""
        now = self._clock()
        if at < now - TOLERATED:
            return f"is past: it is {now.isoformat(timespec='seconds')} now; leave it out to start at once"
        if at > now + LONGEST_WAIT:
            return f"must be at most {LONGEST_WAIT.days} days from now, by {(now + LONGEST_WAIT).date().isoformat()}"
        return ""
