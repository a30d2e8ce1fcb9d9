"""The row of a job in the read model before a batch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from kinolog.readmodel.counter_cells import JobKind, SortKeys
from kinolog_projector.projection.counter_changes import CountedJob


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentRow:
    """The columns of a row of `jobs` that the next row depends on."""

    id: str
    number: int
    tenant: str
    status: str
    urgency: int
    model: str
    style: str
    created_at: datetime
    updated_at: datetime
    queued_at: datetime
    percent: float
    eta_seconds: float | None
    duration_us: int
    attempt: int
    paused_at: datetime | None
    log_bytes: int

    @property
    def counted(self) -> CountedJob:
        """What counters count the job by."""
        keys = SortKeys(
            number=self.number,
            created_at=self.created_at,
            updated_at=self.updated_at,
            percent=self.percent,
            duration_us=self.duration_us,
            priority_order=self.urgency,
        )
        return CountedJob(
            keys, JobKind(status=self.status, priority_order=self.urgency, model=self.model, style=self.style)
        )


CURRENT_COLUMNS = tuple(field.name for field in fields(CurrentRow))
"""The columns of `jobs` that are read; psycopg maps them to the fields by name."""
