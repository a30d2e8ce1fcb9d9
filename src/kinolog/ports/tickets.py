"""Port: tickets, hints that a job may be started. The log decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kinolog.job.values import Priority


@dataclass(frozen=True, slots=True, kw_only=True)
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


class QueueClosed(Exception):
    """The queue was closed while somebody waited for a ticket."""


class TicketIssuer(Protocol):
    """Issues and withdraws tickets (the reactor and the api).

    At most one ticket per job lies in the queue, and beside it at most one to warm up for the job. Every method
    raises `LogUnavailable` when the queue does not answer. Every adapter passes tests/contract/test_tickets.py.
    """

    async def issue(self, ticket: Ticket, *, first: bool = False) -> None:
        """Put a ticket into the queue. Of two for the same job the one with the later position stays.

        Issuing a ticket again has no effect while it lies there, held or not. A held one that is replaced is
        gone: what its holder does with it has no effect. `first` says that the job never had a ticket before
        (save perhaps this one), which spares looking for older ones.
        """
        ...

    async def withdraw(self, job_id: str) -> None:
        """Remove the tickets of a job, wherever they lie. Removing none is no error."""
        ...

    async def outstanding(self) -> dict[str, Ticket]:
        """All tickets that lie in the queue, by job id (held ones too), those that only warm up left out.

        What was issued or removed a moment ago may not show yet.
        """
        ...


class HeldTicket(Protocol):
    """A ticket that one worker holds until it acknowledges, returns it, or stops reporting.

    No method raises: what does not reach the queue is made good when the ticket is handed out again.
    """

    @property
    def ticket(self) -> Ticket:
        """The ticket."""
        ...

    @property
    def deliveries(self) -> int:
        """How often it was handed out, this time included."""
        ...

    async def extend(self) -> None:
        """Report that the work goes on; call at least every 10 s."""
        ...

    async def acknowledge(self) -> None:
        """Remove it for good. Only after the own terminal append succeeded."""
        ...

    async def release(self, delay_seconds: float = 0.0) -> None:
        """Hand it back, to be handed out again no sooner than `delay_seconds` from now."""
        ...


class TicketQueue(Protocol):
    """Hands tickets to a worker: higher priorities more often (8:4:2:1, with ageing), none never."""

    async def take(self, model_classes: Sequence[str]) -> HeldTicket:
        """Wait for the next ticket of one of these model classes, however long the queue is out of reach.

        Cancelling the wait loses no ticket. Raises `QueueClosed`.
        """
        ...

    async def close(self) -> None:
        """Stop waiting; tickets that were handed out but not taken go back at once."""
        ...
