"""Port: tickets, hints that a job may be started. The log decides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from kinolog.job.values import Priority
from kinolog.scheduling.lane_choice import LANES

COLDEST = 5
"""The greatest coldness of a worker whose device is free, or will be within seconds."""

LAST_RESORT = 9
"""The greatest coldness: from `COLDEST` + 1 on, a worker has to stop a job before it starts the one of a ticket."""

Coldness: TypeAlias = Callable[[str], int]
"""Returns how little of a model class a worker has loaded: 0 for all of its models, up to `COLDEST`.

Greater numbers up to `LAST_RESORT` mean that it has to stop a job first.
"""


def no_coldness(_: str) -> int:
    """Return 0 for every model class: the worker waits like one that has all models loaded."""
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A hint that `attempt` of a job may start. `position` is that of the commit that queued the job.

    With `prefetch` the worker only loads what the job needs. `tenant` and `created_at` of the job are not set in a
    ticket of an earlier version. One that `goes_first` is before all others of its lane: its job was interrupted.
    """

    job_id: str
    position: int
    attempt: int
    model_class: str
    priority: Priority
    not_before: datetime | None = None
    prefetch: bool = False
    tenant: str = ""
    created_at: datetime | None = None
    goes_first: bool = False


class QueueClosed(Exception):
    """The queue was closed during the wait for a ticket."""


class TicketIssuer(Protocol):
    """Issues and withdraws tickets (the dispatcher and the api).

    The queue holds at most one ticket and one prefetch ticket of a job. Every method raises `LogUnavailable` if the
    queue does not answer. Every adapter passes tests/contract/test_tickets.py.
    """

    async def issue(self, ticket: Ticket, *, first: bool = False) -> None:
        """Put a ticket into the queue. Of two tickets of a job the one with the later position stays.

        Issuing a ticket again has no effect while it is in the queue, held or not. A held ticket that is replaced is
        void: its holder's calls have no effect. `first` is true if the job had no other ticket before, which saves
        the search for older ones.
        """
        ...

    async def withdraw(self, job_id: str) -> None:
        """Remove the tickets of a job from all lanes. Removing none is no error."""
        ...

    async def undeliverable(self) -> set[str]:
        """Return the ids of jobs whose tickets may have been delivered as often as allowed, and are not any more.

        It is empty if there is no such ticket. Otherwise it may contain jobs whose tickets are held, too.
        """
        ...

    async def outstanding(self) -> dict[str, Ticket]:
        """Return all tickets in the queue by job id, held ones too, prefetch tickets not.

        Recent changes may be missing.
        """
        ...


class HeldTicket(Protocol):
    """A ticket that one worker holds until it acknowledges or releases it, or no longer extends it.

    No method raises: if a call does not reach the queue, the ticket is delivered again.
    """

    @property
    def ticket(self) -> Ticket:
        """The ticket."""
        ...

    @property
    def deliveries(self) -> int:
        """Number of deliveries of the ticket, including this one."""
        ...

    @property
    def receipt(self) -> str:
        """A text by which `TicketQueue.give_back` returns this delivery, after the process that held it has died."""
        ...

    async def extend(self) -> None:
        """Start the ack wait of the ticket again. Call it three times per ack wait."""
        ...

    async def acknowledge(self) -> None:
        """Remove the ticket. Only after the worker's own terminal append succeeded: see docs/queue.md."""
        ...

    async def release(self, delay_seconds: float = 0.0) -> None:
        """Return the ticket to the queue. It is delivered again after `delay_seconds` at the earliest."""
        ...


class TicketQueue(Protocol):
    """Delivers tickets to a worker: higher priorities more often (8:4:2:1, with ageing), every priority eventually."""

    async def take(
        self,
        model_classes: Sequence[str],
        coldness: Coldness = no_coldness,
        lanes: Collection[str] = LANES,
    ) -> HeldTicket:
        """Wait for a ticket of one of these model classes and lanes, however long the queue is unreachable.

        Of several workers that wait, one with the least `coldness` for the class of a ticket gets it; it is read before
        each request. No ticket waits for a worker that does not wait. Cancelling the wait loses no ticket. Raises
        `QueueClosed`.
        """
        ...

    async def give_back(self, receipt: str) -> None:
        """Return a ticket to the queue that a worker holds which has died. Nothing happens if it is not held any more.

        Call it only if the log still gives the job to that worker: the ticket may be held by another one by now.
        """
        ...

    async def close(self) -> None:
        """End every wait. Tickets that were delivered but not taken return to the queue at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTicket:
    """A ticket as the queue stores it. The tickets of a lane are delivered in the order of their numbers.

    No worker receives a deferred ticket. It is stored beside its lane until it is put there.
    """

    ticket: Ticket
    number: int
    deferred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneProgress:
    """How far workers have taken the tickets of a lane: to the number `taken`. `untaken` tickets are after it."""

    taken: int
    untaken: int


class TicketLanes(Protocol):
    """Stores tickets in lanes or beside them. Every method raises `LogUnavailable` if the queue does not answer.

    A job has at most one ticket in its lane, and one that is deferred. Every adapter passes
    tests/contract/test_ticket_lanes.py.
    """

    async def stored(self) -> list[StoredTicket]:
        """Return all tickets but those of prefetches, held ones too, in the order of their numbers."""
        ...

    async def has_ticket(self, ticket: Ticket) -> bool:
        """Return whether the job of a ticket has any, in whichever lane of its model class, deferred or not."""
        ...

    async def progress(self, model_class: str, priority: Priority) -> LaneProgress | None:
        """Return how far workers have taken the tickets of a lane; None if no worker has served it yet."""
        ...

    async def put(self, tickets: Sequence[StoredTicket], *, deferred: bool) -> list[int]:
        """Store tickets at the end of their lanes, or as deferred ones, in this order. Return their new numbers.

        `number` of each is that of the stored one that it replaces, which is in the same place; 0 if there is none.
        A ticket that is to be replaced and is gone is not stored: its number is 0. Of two tickets of a job the one
        with the later position stays, and its number is returned.
        """
        ...

    async def remove(self, tickets: Sequence[StoredTicket]) -> None:
        """Remove tickets with these numbers; later ones of the same jobs stay. Removing none is no error."""
        ...
