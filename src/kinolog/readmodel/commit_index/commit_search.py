"""Finds commits in their index.

Matches are first looked for among the newest commits: common ones fill the page at once. For others the planner chooses
between the index of facts and that of positions, by how many commits have the facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, any_, bindparam, func, not_, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from kinolog.event_query.facts import fact_hash
from kinolog.event_query.query import Condition, QueryField
from kinolog.ports.archive import ArchivedCommit
from kinolog.ports.search.event_search import CommandCount, EventSearch, TimedPositions
from kinolog.readmodel.commit_index.commit_tables import TIME_BLOCK_BITS, commit_times, own_commits
from kinolog.readmodel.permanent_tables import archive
from kinolog.readmodel.projection_metadata import Time
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot
from kinolog.readmodel.tables import checkpoint

NEAR_COMMITS = 5_000
"""Commits that are looked through before any index of facts is used."""

_MAX = 2**63 - 1
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_NUMBERS = ARRAY(BigInteger)

_BLOCKS = PreparedQuery(
    select(func.min(commit_times.c.block), func.max(commit_times.c.block)).where(
        commit_times.c.greatest_at >= bindparam("since", type_=Time),
        commit_times.c.least_at < bindparam("until", type_=Time),
    )
)
_POSITION = PreparedQuery(select(checkpoint.c.position))


def _archived(*, oldest_first: bool) -> PreparedQuery:
    """Return the statement that reads commits until they have a number of bytes; the database reads no others."""
    order = archive.c.position.asc() if oldest_first else archive.c.position.desc()
    size = func.length(archive.c.raw, type_=BigInteger())
    rows = (
        select(
            archive.c.position,
            archive.c.job_id,
            archive.c.raw,
            archive.c.digest,
            (func.sum(size).over(order_by=order) - size).label("bytes_before"),
            size.label("bytes"),
        )
        .where(archive.c.position == any_(bindparam("positions", type_=_NUMBERS)))
        .subquery("sized")
    )
    c = rows.c
    fits = c.bytes_before + c.bytes <= bindparam("max_bytes", type_=BigInteger())
    page = select(c.position, c.job_id, c.raw, c.digest).where(or_(c.bytes_before == 0, fits))
    return PreparedQuery(page.order_by(c.position.asc() if oldest_first else c.position.desc()))


_ARCHIVED = {oldest_first: _archived(oldest_first=oldest_first) for oldest_first in (False, True)}


@dataclass(frozen=True, slots=True)
class _Shape:
    """The conditions of a search without their values. Searches of one shape share their statements."""

    all_of: bool
    any_of: int
    none_of: bool
    addresses: tuple[bool, ...]
    """For each condition on addresses whether it excludes them."""


def _shape(conditions: Sequence[Condition]) -> _Shape:
    facts = [one for one in conditions if one.field is not QueryField.ADDRESS]
    wanted = [len(one.values) for one in facts if not one.excludes]
    return _Shape(
        all_of=1 in wanted,
        any_of=sum(number > 1 for number in wanted),
        none_of=any(one.excludes for one in facts),
        addresses=tuple(one.excludes for one in conditions if one.field is QueryField.ADDRESS),
    )


def _values(tenant: str, search: EventSearch) -> dict[str, Any]:
    values: dict[str, Any] = {"all_of": [], "none_of": []}
    any_of = addresses = 0
    for one in search.query.conditions:
        if one.field is QueryField.ADDRESS:
            values[f"address_{addresses}"] = [search.address_hashes[value] for value in one.values]
            addresses += 1
            continue
        hashes = [fact_hash(tenant, one.field, value) for value in one.values]
        if one.excludes:
            values["none_of"] += hashes
        elif len(hashes) == 1:
            values["all_of"] += hashes
        else:
            values[f"any_of_{any_of}"] = hashes
            any_of += 1
    return values


def _conditions(shape: _Shape, rows: FromClause) -> list[ColumnElement[bool]]:
    facts, address = rows.c.facts, rows.c.address

    def numbers(name: str) -> ColumnElement[Any]:
        return bindparam(name, type_=_NUMBERS)

    found: list[ColumnElement[bool]] = [
        rows.c.at >= bindparam("since", type_=Time),
        rows.c.at < bindparam("until", type_=Time),
    ]
    if shape.all_of:
        found.append(facts.bool_op("@>")(numbers("all_of")))
    found += [facts.bool_op("&&")(numbers(f"any_of_{index}")) for index in range(shape.any_of)]
    if shape.none_of:
        found.append(not_(facts.bool_op("&&")(numbers("none_of"))))
    for index, excludes in enumerate(shape.addresses):
        is_one = address == any_(numbers(f"address_{index}"))
        found.append(or_(address.is_(None), not_(is_one)) if excludes else is_one)
    return found


def _in_range(rows: FromClause) -> list[ColumnElement[bool]]:
    number = BigInteger()
    return [rows.c.position.between(bindparam("first", type_=number), bindparam("last", type_=number))]


@lru_cache(maxsize=256)
def _page(shape: _Shape, *, oldest_first: bool, near: bool) -> PreparedQuery:
    """Return the statement of a page; `near` looks through the first commits of the order only."""
    rows: FromClause = own_commits
    if near:
        nearest = select(own_commits).where(*_in_range(own_commits))
        nearest = nearest.order_by(_order(own_commits, oldest_first=oldest_first)).limit(NEAR_COMMITS)
        rows = nearest.subquery("nearest")
    page: Select[Any] = select(rows.c.position, rows.c.address.is_not(None)).where(*_conditions(shape, rows))
    page = page if near else page.where(*_in_range(rows))
    order = _order(rows, oldest_first=oldest_first)
    return PreparedQuery(page.order_by(order).limit(bindparam("limit", type_=BigInteger())))


def _order(rows: FromClause, *, oldest_first: bool) -> ColumnElement[Any]:
    position: ColumnElement[Any] = rows.c.position
    return position.asc() if oldest_first else position.desc()


@lru_cache(maxsize=256)
def _counts(shape: _Shape) -> PreparedQuery:
    rows = own_commits.c
    number = func.count().label("commits")
    counts = (
        select(
            rows.actor,
            rows.command,
            number,
            func.min(rows.at),
            func.max(rows.at),
            func.min(rows.position),
            func.max(rows.position),
        )
        .where(*_conditions(shape, own_commits), *_in_range(own_commits))
        .group_by(rows.actor, rows.command)
        .order_by(number.desc(), rows.actor, rows.command)
        .limit(bindparam("limit", type_=BigInteger()))
    )
    return PreparedQuery(counts)


async def found_positions(
    snapshot: Snapshot, tenant: str, search: EventSearch
) -> tuple[dict[int, bool], int]:
    """Return the positions of a page, and of one commit more if there is one; and up to where was searched.

    Each position comes with whether its commit has an address.
    """
    values, reached = await _bounds(snapshot, tenant, search)
    if values is None:
        return {}, reached
    shape, limit = _shape(search.query.conditions), search.limit + 1
    for near in (True, False):
        query = _page(shape, oldest_first=search.oldest_first, near=near)
        rows = await query.rows(snapshot, values | {"limit": limit})
        if len(rows) == limit:
            break
    return {int(position): bool(has_address) for position, has_address in rows}, reached


async def counted_commands(snapshot: Snapshot, tenant: str, search: EventSearch) -> tuple[CommandCount, ...]:
    """Return who sent which commands."""
    values, _ = await _bounds(snapshot, tenant, search)
    if values is None:
        return ()
    rows = await _counts(_shape(search.query.conditions)).rows(snapshot, values | {"limit": search.limit})
    return tuple(
        CommandCount(
            actor=actor,
            command=command,
            commits=commits,
            first_at=first_at,
            last_at=last_at,
            first_position=first,
            last_position=last,
        )
        for actor, command, commits, first_at, last_at, first, last in rows
    )


async def _bounds(snapshot: Snapshot, tenant: str, search: EventSearch) -> tuple[dict[str, Any] | None, int]:
    """Return the values of a search, with the positions that it needs to look at; None if there are none."""
    query = search.query
    values = _values(tenant, search) | {"since": query.since or _EARLIEST, "until": query.until or _LATEST}
    ((reached,),), ((first_block, last_block),) = await snapshot.run((_POSITION, {}), (_BLOCKS, values))
    if first_block is None:
        return None, int(reached)
    first = max(query.first_position, first_block << TIME_BLOCK_BITS)
    last = min(_MAX if query.last_position is None else query.last_position, _end_of(last_block))
    if search.beyond is not None and search.oldest_first:
        first = max(first, search.beyond + 1)
    elif search.beyond is not None:
        last = min(last, search.beyond - 1)
    return (values | {"first": first, "last": last}) if first <= last else None, int(reached)


async def positions_between(
    snapshot: Snapshot, since: datetime | None, until: datetime | None
) -> TimedPositions:
    """Return where commits of a span of time are, of all tenants, whatever the clocks of their machines."""
    values = {"since": since or _EARLIEST, "until": until or _LATEST}
    ((reached,),), ((first, last),) = await snapshot.run((_POSITION, {}), (_BLOCKS, values))
    if first is None:
        return TimedPositions(first=1, last=0, searched=int(reached))
    return TimedPositions(
        first=max(first << TIME_BLOCK_BITS, 1), last=min(_end_of(last), int(reached)), searched=int(reached)
    )


def _end_of(block: int) -> int:
    return ((block + 1) << TIME_BLOCK_BITS) - 1


async def archived_at(
    snapshot: Snapshot, positions: Sequence[int], search: EventSearch
) -> list[ArchivedCommit]:
    """Return the first commits of a page by their positions, in the order of the search."""
    values = {"positions": list(positions), "max_bytes": search.max_bytes}
    rows = await _ARCHIVED[search.oldest_first].rows(snapshot, values)
    return [
        ArchivedCommit(position=int(position), job_id=str(job_id), raw=bytes(raw), digest=bytes(digest))
        for position, job_id, raw, digest in rows
    ]
