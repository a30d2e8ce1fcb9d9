"""Port: tickets, hints that a job may be started. The log decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kinolog.job.values import Priority


@dataclass(frozen=True, slots=True)
class Ticket:
    """A hint that `job_id` may be started for `attempt`; `position` is the commit that queued it.

    With `prefetch`, only warming up is asked for.
    """

    job_id: str
    position: int
    attempt: int
    model_class: str
    priority: Priority
    not_before: datetime | None = None
    prefetch: bool = False


class TicketOffice(Protocol):
    """Issues and withdraws tickets (the reactor and the api). At most one ticket per job lies in the queue."""

    async def issue(self, ticket: Ticket) -> None:
        """Put a ticket into the queue; one that lies there for the same job is replaced or kept."""
        ...

    async def withdraw(self, job_id: str) -> None:
        """Remove the ticket of a job, wherever it lies. Removing none is no error."""
        ...

    async def outstanding(self) -> dict[str, Ticket]:
        """All tickets that lie in the queue, by job id (held ones too)."""
        ...


class HeldTicket(Protocol):
    """A ticket that one worker holds until it acknowledges, returns it, or stops reporting."""

    @property
    def ticket(self) -> Ticket:
        """The ticket."""
        ...

    @property
    def deliveries(self) -> int:
        """How often it was handed out, this time included."""
        ...

    async def keep(self) -> None:
        """Report that the work goes on; call at least every 10 s."""
        ...

    async def done(self) -> None:
        """Remove it for good. Only after the own terminal append succeeded."""
        ...

    async def give_back(self, delay_seconds: float = 0.0) -> None:
        """Hand it back, to be handed out again no sooner than `delay_seconds` from now."""
        ...


class TicketQueue(Protocol):
    """Hands tickets to a worker: higher priorities more often (8:4:2:1, with ageing), none never."""

    async def take(self, model_classes: Sequence[str]) -> HeldTicket:
        """Wait for the next ticket of one of these model classes. Cancelling the wait loses no ticket."""
        ...

    async def close(self) -> None:
        """Stop waiting; tickets that were handed out but not taken go back at once."""
        ...
