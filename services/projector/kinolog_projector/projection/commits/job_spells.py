"""The spells of a job: from which commit to which it was in one place of the queue, or run by one worker."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg import sql

from kinolog.job import events as e
from kinolog.job.commit import RecordedCommit
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.event_store import DamagedLog
from kinolog.readmodel.tables import Row
from kinolog_projector.projection.current_row import CurrentRow

LIVE = (Status.QUEUED, Status.PROCESSING)

_NOTED = (e.Paused, e.Resumed, e.Completed, e.Failed, e.Cancelled, e.AttemptStarted)

END_SPELLS = sql.SQL(
    "UPDATE {table} AS spells SET last_position = ended.position"
    " FROM unnest(%s::bigint[], %s::bigint[]) AS ended(number, position)"
    " WHERE spells.number = ended.number AND spells.last_position IS NULL"
)
"""Ends the spells that jobs of earlier batches are in."""


class JobPlace(NamedTuple):
    """Where a job is. Two commits after which it is in the same place are of one spell."""

    status: str
    urgency: int
    queued_at: datetime
    paused: bool
    attempt: int


class JobSpells:
    """Collects the spells of one job in a batch. `before` is its row before the batch, None for a new one."""

    def __init__(self, job: Job, number: int, before: CurrentRow | None) -> None:
        self._job = job
        self._number = number
        self._paused = before is not None and before.paused_at is not None
        self._attempt = before.attempt if before is not None else 0
        self._place: JobPlace | None = None
        if before is not None:
            self._place = self._place_of(before.status, before.urgency, before.queued_at)
        self.rows: list[Row] = []
        self.ended_at: int | None = None
        """Position of the commit that ended the spell that the job was in before the batch."""

    def apply(self, event: e.Event) -> None:
        """Take in an event."""
        if type(event) not in _NOTED:  # most are stages
            return
        match event:
            case e.Paused():
                self._paused = True
            case e.Resumed() | e.Completed() | e.Failed() | e.Cancelled():
                self._paused = False
            case e.AttemptStarted():
                self._attempt = event.attempt

    def move(self, recorded: RecordedCommit, status: str, urgency: int, queued_at: datetime) -> None:
        """Take in where the job is after a commit."""
        place, position = self._place_of(status, urgency, queued_at), recorded.position
        if place == self._place:
            return
        if self.rows and self.rows[-1]["last_position"] is None:
            self.rows[-1] = {**self.rows[-1], "last_position": position}
        elif self._place is not None:
            self.ended_at = position
        self._place = place
        if place is not None:
            self.rows.append(self._row(place, position, recorded.commit.at))

    def _place_of(self, status: str, urgency: int, queued_at: datetime) -> JobPlace | None:
        """Return the place of a job; None if it has ended."""
        if status not in LIVE:
            return None
        return JobPlace(
            status=status, urgency=urgency, queued_at=queued_at, paused=self._paused, attempt=self._attempt
        )

    def _row(self, place: JobPlace, position: int, at: datetime) -> Row:
        spec = self._job.spec
        return {
            "number": self._number,
            "first_position": position,
            "last_position": None,
            "tenant": self._job.tenant,
            "job_id": self._job.id,
            "status": place.status,
            "model": spec.model,
            "model_class": spec.model_class,
            "urgency": place.urgency,
            "queued_at": place.queued_at,
            "paused": place.paused,
            "attempt": place.attempt,
            "worker": self._worker_of(place),
            "at": at,
        }

    def _worker_of(self, place: JobPlace) -> str:
        """Return the worker that runs the job, which an earlier batch may have recorded; empty for a queued job."""
        if place.status != Status.PROCESSING:
            return ""
        if not 0 < place.attempt <= len(self._job.attempts):
            raise DamagedLog(f"job {self._job.id} is in attempt {place.attempt}, which it does not have")
        return self._job.attempts[place.attempt - 1].worker
