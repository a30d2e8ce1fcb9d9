"""What the read model holds of a job before a batch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kinolog.readmodel.counter_cells import SortKeys

COLUMNS = (
    "id",
    "number",
    "status",
    "urgency",
    "model",
    "style",
    "created_at",
    "updated_at",
    "queued_at",
    "percent",
    "eta_seconds",
    "duration_us",
    "attempt",
    "tenant",
)


@dataclass(frozen=True, slots=True)
class CurrentRow:
    """One row of `jobs`, as far as the next one builds on it; fields in the order of `COLUMNS`."""

    id: str
    number: int
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
    tenant: str

    @property
    def kind(self) -> tuple[str, int, str, str]:
        """Status, urgency, model, style."""
        return self.status, self.urgency, self.model, self.style

    @property
    def keys(self) -> SortKeys:
        """Where it stands in the orders."""
        return SortKeys(
            self.number, self.created_at, self.updated_at, self.percent, self.duration_us, self.urgency
        )
