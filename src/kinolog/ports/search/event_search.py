"""Port: finds commits by what they say of themselves, and counts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from kinolog.event_query.query import EventQuery
from kinolog.job.values import Priority, Status
from kinolog.ports.archive import ArchivedCommit

PAGE_BYTES = 8 << 20
"""Bytes of the commits of a page. A response of the api has room for four times as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSearch:
    """A page of the commits that a question asks for: the first `limit` after `beyond`, in the order of the log.

    `address_hashes` has the keyed hash of each address that the question names. `beyond` is None for the first page.
    A page ends before the commit with which its commits have more than `max_bytes`, but it has at least one.
    """

    query: EventQuery
    address_hashes: Mapping[str, int] = field(default_factory=dict)
    limit: int = 100
    max_bytes: int = PAGE_BYTES
    oldest_first: bool = False
    beyond: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCommits:
    """Commits as the archive holds them. `next_position` is that of the last one, 0 if no more follow.

    `with_address` has the positions of those whose address may be shown. Their jobs are not erased: the key of an
    erased one exists until its erasure has finished.
    """

    commits: tuple[ArchivedCommit, ...]
    with_address: frozenset[int]
    next_position: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCount:
    """How many commits of an actor have a command, and the first and the last of them."""

    actor: str
    command: str
    commits: int
    first_at: datetime
    last_at: datetime
    first_position: int
    last_position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpell:
    """Where a job was at a position: queued, or run by `worker`. `since` is when it came there, at `first_position`."""

    job_id: str
    status: Status
    model: str
    model_class: str
    priority: Priority
    queued_at: datetime
    paused: bool
    attempt: int
    worker: str
    since: datetime
    first_position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpellsAt:
    """Jobs of a tenant at a position, in the order of their lanes: the first ones, and how many there were.

    `at` is when the commit at the position was decided, or the last one of the tenant before it; None for none.
    """

    position: int
    at: datetime | None
    spells: tuple[JobSpell, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedPositions:
    """Positions among which are all commits of all tenants that were decided in a span of time, up to `searched`.

    There are none if `first` is after `last`.
    """

    first: int
    last: int
    searched: int


class EventSearcher(Protocol):
    """Answers questions about commits. Every method raises `ReadModelUnavailable`.

    A fact is found by a hash, so that a commit may be found that has another one: the caller compares.
    """

    async def search_events(self, tenant: str, search: EventSearch) -> FoundCommits:
        """Return a page of the tenant's commits."""
        ...

    async def count_commands(self, tenant: str, search: EventSearch) -> tuple[CommandCount, ...]:
        """Return who sent which commands, most commits first, at most `limit` rows. `beyond` is of no effect."""
        ...

    async def positions_between(self, since: datetime | None, until: datetime | None) -> TimedPositions:
        """Return where commits are that were decided at a time or later, and before another; None for no limit."""
        ...

    async def position_at(self, tenant: str, time: datetime) -> int:
        """Return the position of the tenant's last commit that was decided by a time; 0 if there is none."""
        ...

    async def spells_at(self, tenant: str, position: int, status: Status, limit: int) -> SpellsAt:
        """Return the jobs that had a status at a position, queued or processing. Paused ones come last.

        Critical ones come before others, and of one priority those that were queued first. Jobs that run come in the
        order of their workers.
        """
        ...
