"""Port: what the ticket queue has to say about tickets that nobody could finish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kinolog.ports.tickets import Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhaustedTicket:
    """A ticket that was handed out as often as it may be, and is handed out no more. `id` names this advisory."""

    id: int
    ticket: Ticket
    deliveries: int


class AdvisoryFeed(Protocol):
    """Every exhausted ticket at least once, as long as it lies in the queue."""

    async def take(self) -> ExhaustedTicket:
        """The next one. Waits for ever. Raises `LogUnavailable`."""
        ...

    async def acknowledge(self, exhausted: ExhaustedTicket) -> None:
        """Report that it was dealt with. Never raises: one whose report gets lost comes again."""
        ...

    async def close(self) -> None:
        """Stop reading; what was handed out and not reported comes again, to whoever reads next."""
        ...
