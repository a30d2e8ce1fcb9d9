"""One lane whose first tickets are in the order of the tenants' turns, while the others are deferred."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from kinolog.grouped_calls import GroupedCalls, GroupLimits
from kinolog.job.values import Priority
from kinolog.ports.tickets import StoredTicket, Ticket, TicketLanes
from kinolog.scheduling.tenant_turns import TenantTurns, Weight
from kinolog.scheduling.turn_order import turn_order, turn_taker

ONE_AT_A_TIME = GroupLimits(max_single_calls=1, max_group_size=500)

MOST_AHEAD = 500
"""How many tickets more than `window()` a lane may hold that workers empty fast: a batch costs about as much as one."""

FAST_SECONDS, SLOW_SECONDS = 0.5, 2.0
"""A lane that is half empty again after less than the first holds more tickets from then on, after more the fewer."""


@dataclass(slots=True, eq=False)
class _PlacedTicket:
    """The ticket of a queued job that no worker has taken. `number` is 0 until it is stored."""

    ticket: Ticket
    number: int = 0
    deferred: bool = False

    def stored(self) -> StoredTicket:
        return StoredTicket(ticket=self.ticket, number=self.number, deferred=self.deferred)


class FairLane:
    """Keeps the tickets of the next jobs in the lane, at least `window()`, and the others deferred.

    A worker takes the tickets of a lane in the order in which they were put there. So when a job is queued whose turn
    comes before that of others, their tickets are put there again, after its own. What workers have taken is read from
    the lane. `lock` is held while tickets are moved. While the lane `is_paused`, all tickets are deferred.
    """

    def __init__(
        self,
        model_class: str,
        priority: Priority,
        lanes: TicketLanes,
        *,
        weight: Weight,
        window: Callable[[], int],
        lock: asyncio.Lock,
        is_paused: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_paused = is_paused
        self._model_class = model_class
        self._priority = priority
        self._lanes = lanes
        self._window = window
        self._lock = lock
        self._turns = TenantTurns(weight)
        self._tickets: dict[str, _PlacedTicket] = {}
        """All tickets of the lane that no worker has taken."""
        self._in_lane: dict[str, _PlacedTicket] = {}
        self._new: dict[str, _PlacedTicket] = {}
        """Those that are stored in the lane, and those that are not stored yet. The others are deferred."""
        self._taken = 0
        """The number to which workers have taken tickets, as read last."""
        self._ahead = 0
        """How many tickets more than `window()` the lane holds."""
        self._filled_at = 0.0
        self._left: set[StoredTicket] = set()
        """Tickets that were put elsewhere and are still to be removed from where they were."""
        self._removing = asyncio.Lock()
        self._arrivals = GroupedCalls(self._place_one, self._place, ONE_AT_A_TIME)

    @property
    def deferred(self) -> int:
        """Number of deferred tickets."""
        return len(self._tickets) - len(self._in_lane) - len(self._new)

    @property
    def unfinished(self) -> bool:
        """Whether a ticket is deferred or has to be, or the queue did not answer when one was stored or removed."""
        if self._is_paused():
            return bool(self._in_lane or self._new or self._left)
        return len(self._tickets) > len(self._in_lane) or bool(self._left)

    def stored(self, job_id: str) -> StoredTicket | None:
        """Return the ticket of a job; None if it has none here, or a worker took it. Its number is 0 if not stored."""
        queued = self._tickets.get(job_id)
        return queued.stored() if queued is not None else None

    async def place(self, ticket: Ticket) -> None:
        """Store the ticket of a job, in the lane or deferred. Raises `LogUnavailable`: call again."""
        await self._arrivals.submit(ticket)

    async def close(self) -> None:
        """Finish the writes that have started."""
        await self._arrivals.close()

    def forget(self, job_id: str) -> None:
        """Forget the ticket of a job, which the caller removes."""
        self._drop(job_id)
        self._turns.remove(job_id)

    def charge(self, tenant: str) -> None:
        """Count a turn of a tenant whose ticket was put into the lane by another."""
        self._turns.charge(tenant)

    async def refill(self) -> bool:
        """If workers took half of the tickets in the lane, put the next ones there. Return whether they did.

        Raises `LogUnavailable`.
        """
        async with self._lock:
            await self._read_progress()
            paused = self._is_paused()
            ran_low = not paused and len(self._in_lane) <= self._size() // 2
            if ran_low:
                self._follow_speed()
            if ran_low or self._new or (paused and self._in_lane):
                await self._arrange()
        await self._remove_left()
        return ran_low

    async def admit(self, take_due: Callable[[], Iterable[StoredTicket]]) -> None:
        """Give turns to the deferred tickets that `take_due` returns: their time has come. Raises `LogUnavailable`.

        They are known from then on, also if the queue does not answer.
        """
        async with self._lock:
            for each in take_due():
                self._keep(_PlacedTicket(each.ticket, each.number, each.deferred))
                self._turns.add(_turn_taker(each.ticket), each.ticket.job_id, *_order(each.ticket))
            await self._arrange()
        await self._remove_left()

    async def adopt(self, stored: Sequence[StoredTicket]) -> None:
        """Know the tickets that the queue stores. The caller holds the lock.

        A ticket that is gone was taken by a worker and acknowledged, or removed by another process.
        """
        await self._read_progress()
        found, twice = dict[str, StoredTicket](), list[StoredTicket]()
        for each in sorted(stored, key=lambda each: not each.deferred):
            if each in self._left or (not each.deferred and each.number <= self._taken):
                continue
            if each.ticket.job_id in found:
                twice.append(found[each.ticket.job_id])
            found[each.ticket.job_id] = each
        for job_id in self._tickets.keys() - found.keys() - self._new.keys():
            (self._turns.take if job_id in self._in_lane else self._turns.remove)(job_id)
            self._drop(job_id)
        for job_id, each in found.items():
            self._keep(_PlacedTicket(each.ticket, each.number, each.deferred))
            self._turns.add(_turn_taker(each.ticket), job_id, *_order(each.ticket))
        self._left.update(twice)

    async def _place_one(self, ticket: Ticket) -> None:
        await self._place([ticket])

    async def _place(self, tickets: Sequence[Ticket]) -> list[None]:
        async with self._lock:
            for ticket in tickets:
                known = self._tickets.get(ticket.job_id)
                if known is None or known.ticket.position < ticket.position:
                    self._keep(_PlacedTicket(ticket) if known is None else replace(known, ticket=ticket))
                    self._turns.add(_turn_taker(ticket), ticket.job_id, *_order(ticket))
            await self._arrange()
        await self._remove_left()
        return [None] * len(tickets)

    async def _arrange(self) -> None:
        """Put the next jobs into the lane in their order, and store the other tickets as deferred ones.

        What was left goes first: a ticket that comes back to such a place would be taken for the one that is there.
        """
        await self._remove_left()
        if self._fits():
            await self._put(
                sorted(self._new.values(), key=lambda queued: _order(queued.ticket)), deferred=False
            )
            return
        untaken = await self._read_progress()
        in_lane = sorted(self._in_lane.values(), key=_number)
        of_others = max(untaken - len(in_lane), 0)
        room = max(self._size() - of_others, min(len(in_lane), self._size()))
        upcoming = [self._tickets[job_id] for job_id in self._turns.upcoming(room)]
        kept = _length_of_common_start(in_lane, upcoming)
        coming, chosen = upcoming[kept:], set(map(id, upcoming))
        going = [queued for queued in in_lane[kept:] if id(queued) not in chosen]
        new = [queued for queued in self._new.values() if id(queued) not in chosen]
        left = [queued.stored() for queued in (*coming, *going) if queued.number]
        await self._put([*going, *new], deferred=True)
        await self._put(coming, deferred=False)
        self._left.update(each for each in left if self._has_moved(each))

    async def _remove_left(self) -> None:
        """Remove tickets from where they were before. The lock is not needed: later tickets of these jobs stay."""
        async with self._removing:
            left = list(self._left)
            await self._lanes.remove(left)
            self._left.difference_update(left)

    def _size(self) -> int:
        """Return how many tickets the lane is to hold."""
        return 0 if self._is_paused() else self._window() + self._ahead

    def _follow_speed(self) -> None:
        """Let the lane hold so many tickets that workers take half of them in a second or so."""
        now = asyncio.get_running_loop().time()
        since_filled, self._filled_at = now - self._filled_at, now
        if since_filled < FAST_SECONDS:
            self._ahead = min(max(2 * self._ahead, self._window()), MOST_AHEAD)
        elif since_filled > SLOW_SECONDS:
            self._ahead //= 2

    def _fits(self) -> bool:
        """Return whether all tickets belong into the lane in the order in which they came: all are of one tenant."""
        return self._turns.tenants <= 1 and not self.deferred and len(self._tickets) <= self._size()

    async def _read_progress(self) -> int:
        """Count the turns that workers took since the last reading. Return how many tickets the lane still has."""
        progress = await self._lanes.progress(self._model_class, self._priority)
        if progress is None:
            self._taken = 0
            return len(self._in_lane)
        self._taken = progress.taken
        for queued in sorted(self._in_lane.values(), key=_number):
            if queued.number <= progress.taken:
                self._turns.take(queued.ticket.job_id)
                self._drop(queued.ticket.job_id)
        return progress.untaken

    def _keep(self, queued: _PlacedTicket) -> None:
        """Know a ticket as it is now stored."""
        job_id = queued.ticket.job_id
        self._drop(job_id)
        self._tickets[job_id] = queued
        if not queued.number:
            self._new[job_id] = queued
        elif not queued.deferred:
            self._in_lane[job_id] = queued

    def _drop(self, job_id: str) -> None:
        for tickets in (self._tickets, self._in_lane, self._new):
            tickets.pop(job_id, None)

    async def _put(self, tickets: Iterable[_PlacedTicket], *, deferred: bool) -> None:
        """Store tickets in this order. One that is gone was taken meanwhile, or withdrawn."""
        moving = list(tickets)
        if not moving:
            return
        numbers = await self._lanes.put(
            [
                replace(queued.stored(), number=queued.number if queued.deferred is deferred else 0)
                for queued in moving
            ],
            deferred=deferred,
        )
        for queued, number in zip(moving, numbers, strict=True):
            job_id = queued.ticket.job_id
            is_known = self._tickets.get(job_id) is queued
            queued.number, queued.deferred = number, deferred
            if is_known and number:
                self._keep(queued)
            elif is_known:
                self._turns.take(job_id)
                self._drop(job_id)
            elif number:
                self._left.add(queued.stored())  # withdrawn meanwhile

    def _has_moved(self, left: StoredTicket) -> bool:
        """Return whether a ticket is now in the other place, so that what it left there must be removed."""
        queued = self._tickets.get(left.ticket.job_id)
        return queued is not None and queued.deferred is not left.deferred


def _number(queued: _PlacedTicket) -> int:
    return queued.number


def _turn_taker(ticket: Ticket) -> str:
    return turn_taker(ticket.tenant, ticket.job_id, goes_first=ticket.goes_first)


def _order(ticket: Ticket) -> tuple[float, int]:
    times = (at.timestamp() for at in (ticket.created_at, ticket.not_before) if at is not None)
    return turn_order(times, ticket.position, goes_first=ticket.goes_first)


def _length_of_common_start(one: Sequence[_PlacedTicket], other: Sequence[_PlacedTicket]) -> int:
    for length, (first, second) in enumerate(zip(one, other, strict=False)):
        if first is not second:
            return length
    return min(len(one), len(other))
