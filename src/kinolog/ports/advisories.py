"""Port: tickets that reached their maximum of deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kinolog.ports.tickets import Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhaustedTicket:
    """A ticket that was delivered as often as allowed and is not delivered again. `id` identifies the advisory."""

    id: int
    ticket: Ticket
    deliveries: int


class AdvisoryFeed(Protocol):
    """Yields every exhausted ticket at least once, as long as it is in the queue."""

    async def take(self) -> ExhaustedTicket:
        """Return the next exhausted ticket. Waits without a timeout. Raises `LogUnavailable`."""
        ...

    async def acknowledge(self, exhausted: ExhaustedTicket) -> None:
        """Acknowledge a ticket. Never raises: a ticket whose acknowledgement is lost comes again."""
        ...

    async def close(self) -> None:
        """Stop reading. Tickets that are not acknowledged come again, to the next reader."""
        ...
