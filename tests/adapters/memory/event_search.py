"""Questions about commits, answered from the whole log in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import accumulate

from kinolog.event_query.facts import commit_facts
from kinolog.event_query.query import CommitFact, QueryField
from kinolog.job.commit import RecordedCommit
from kinolog.job.values import Status
from kinolog.ports.archive import ArchivedCommit
from kinolog.ports.search.event_search import (
    CommandCount,
    EventSearch,
    FoundCommits,
    SpellsAt,
    TimedPositions,
)
from kinolog.privacy.origin_address import ADDRESS_INDEX, address_hash, unseal_address
from kinolog.privacy.sealer import Sealer
from tests.adapters.memory import job_places
from tests.adapters.memory.commit_tree import MemoryCommitTree
from tests.adapters.memory.keys import MemoryKeyStore


class MemoryEventSearch(MemoryCommitTree, ABC):
    """The part of a read model in memory that answers questions about commits, and about their tree."""

    _keys: MemoryKeyStore

    @abstractmethod
    async def _commits(self, tenant: str | None = None) -> list[RecordedCommit]: ...

    @abstractmethod
    async def position(self) -> int: ...

    async def search_events(self, tenant: str, search: EventSearch) -> FoundCommits:
        commits = await self._commits(tenant)
        found = await matching(commits, tenant, search, self._keys)
        erased = {one.commit.job_id for one in commits if one.commit.state.erased}
        return page(found, search, await self.position(), erased)

    async def count_commands(self, tenant: str, search: EventSearch) -> tuple[CommandCount, ...]:
        return counts(await matching(await self._commits(tenant), tenant, search, self._keys), search.limit)

    async def positions_between(self, since: datetime | None, until: datetime | None) -> TimedPositions:
        found = [
            one.position
            for one in await self._commits()
            if (since is None or one.commit.at >= since) and (until is None or one.commit.at < until)
        ]
        return TimedPositions(
            first=min(found, default=1), last=max(found, default=0), searched=await self.position()
        )

    async def position_at(self, tenant: str, time: datetime) -> int:
        commits = await self._commits(tenant)
        return max((one.position for one in commits if one.commit.at <= time), default=0)

    async def spells_at(self, tenant: str, position: int, status: Status, limit: int) -> SpellsAt:
        return job_places.spells_at(await self._commits(tenant), position, status, limit)


async def matching(
    commits: Sequence[RecordedCommit], tenant: str, search: EventSearch, keys: MemoryKeyStore
) -> list[RecordedCommit]:
    """Return the commits of a tenant that a question asks for, oldest first."""
    erased = {one.commit.job_id for one in commits if one.commit.state.erased}
    found = []
    for recorded in commits:
        commit = recorded.commit
        facts: set[CommitFact] = set(commit_facts(commit, commit.state.spec))
        facts |= await _address_facts(recorded, tenant, search, keys, erased)
        if search.query.matches(facts, commit.at, recorded.position):
            found.append(recorded)
    return found


async def _address_facts(
    recorded: RecordedCommit,
    tenant: str,
    search: EventSearch,
    keys: MemoryKeyStore,
    erased: Collection[str],
) -> set[CommitFact]:
    sealed, secret = recorded.commit.command.origin.sealed_address, await keys.get(ADDRESS_INDEX)
    key = await keys.get(recorded.commit.state.sealing_key_id)
    if sealed is None or secret is None or key is None or recorded.commit.job_id in erased:
        return set()
    address = unseal_address(sealed, Sealer(recorded.commit.job_id, key)).address
    hashed = address_hash(secret, tenant, address)
    return {(QueryField.ADDRESS, asked) for asked, value in search.address_hashes.items() if value == hashed}


def page(
    commits: Sequence[RecordedCommit], search: EventSearch, reached: int, erased: Collection[str]
) -> FoundCommits:
    """Return a page of the commits that match. `erased` has the ids of the jobs that are erased."""
    ordered = list(commits) if search.oldest_first else list(reversed(commits))
    if search.beyond is not None:
        ordered = [
            one
            for one in ordered
            if (one.position > search.beyond) == search.oldest_first and one.position != search.beyond
        ]
    sizes = accumulate(len(one.raw) for one in ordered)
    fitting = sum(1 for size in sizes if size <= search.max_bytes)
    shown = ordered[: min(search.limit, max(1, fitting))]
    return FoundCommits(
        commits=tuple(
            ArchivedCommit(position=one.position, job_id=one.commit.job_id, raw=one.raw, digest=one.digest)
            for one in shown
        ),
        with_address=frozenset(
            one.position
            for one in shown
            if one.commit.command.origin.sealed_address is not None and one.commit.job_id not in erased
        ),
        next_position=shown[-1].position if len(ordered) > len(shown) else 0,
        position=reached,
    )


def counts(commits: Sequence[RecordedCommit], limit: int) -> tuple[CommandCount, ...]:
    """Return who sent which commands, most commits first."""
    by_kind: dict[tuple[str, str], list[RecordedCommit]] = {}
    for recorded in commits:
        command = recorded.commit.command
        by_kind.setdefault((command.actor, command.name), []).append(recorded)
    rows = [
        CommandCount(
            actor=actor,
            command=command,
            commits=len(found),
            first_at=min(one.commit.at for one in found),
            last_at=max(one.commit.at for one in found),
            first_position=found[0].position,
            last_position=found[-1].position,
        )
        for (actor, command), found in by_kind.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.commits, row.actor, row.command))[:limit])
