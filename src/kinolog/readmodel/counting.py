"""Counting jobs by adding up counters, and finding a place in a list without walking to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from kinolog.ports.read_model import JobFilter, Order, SortField
from kinolog.readmodel.asking import rows
from kinolog.readmodel.buckets import EPOCH
from kinolog.readmodel.cells import ALL, LEVEL_BITS, LEVELS, SECOND_BITS
from kinolog.readmodel.conditions import kind_conditions
from kinolog.readmodel.database import Connection
from kinolog.readmodel.tables import counters, jobs

Counts = dict[str, int]
"""Numbers of jobs by status; a status without jobs may be missing."""


@dataclass(frozen=True, slots=True)
class Place:
    """A finest cell of an order, and how many jobs of it lie before the place that was looked for."""

    major: int
    cell: int
    skip: int


async def count(connection: Connection, tenant: str, wanted: JobFilter) -> Counts:
    """Numbers of jobs by status, for a filter without text."""
    if wanted.created_before is None:
        total = await _count_all(connection, tenant, wanted)
    else:
        total = await _count_before(connection, tenant, wanted, wanted.created_before)
    if wanted.created_from is None:
        return total
    early = await _count_before(connection, tenant, wanted, wanted.created_from)
    return {status: jobs - early.get(status, 0) for status, jobs in total.items()}


async def count_outside(connection: Connection, tenant: str, wanted: JobFilter, *, late: bool) -> int:
    """How many jobs of the right kind were submitted before the filter's dates, or behind them when `late`."""
    if late:
        if wanted.created_before is None:
            return 0
        everything = await _count_all(connection, tenant, wanted)
        before = await _count_before(connection, tenant, wanted, wanted.created_before)
        return sum(everything.values()) - sum(before.values())
    if wanted.created_from is None:
        return 0
    return sum((await _count_before(connection, tenant, wanted, wanted.created_from)).values())


async def count_tenant(connection: Connection, tenant: str) -> int:
    """All jobs of a tenant."""
    return sum((await _count_all(connection, tenant, JobFilter())).values())


async def _count_all(connection: Connection, tenant: str, wanted: JobFilter) -> Counts:
    statement = _by_status().where(
        counters.c.tenant == tenant,
        counters.c.sort == SortField.CREATED_AT.value,
        counters.c.level == ALL,
        *kind_conditions(counters, wanted),
    )
    return {status: int(total) for status, total in await rows(connection, statement)}


async def _count_before(connection: Connection, tenant: str, wanted: JobFilter, time: datetime) -> Counts:
    """Jobs submitted before a time: whole cells from the counters, the rest of a cell from the jobs."""
    cell = int((time - EPOCH).total_seconds() // 1) >> SECOND_BITS
    ranges = []
    for level in range(LEVELS):
        end = cell >> (LEVEL_BITS * level)
        start = (cell >> (LEVEL_BITS * (level + 1))) << LEVEL_BITS if level < LEVELS - 1 else 0
        if start < end:
            ranges.append(and_(counters.c.level == level, counters.c.cell >= start, counters.c.cell < end))
    found: Counts = {}
    if ranges:
        statement = _by_status().where(
            counters.c.tenant == tenant,
            counters.c.sort == SortField.CREATED_AT.value,
            counters.c.major == 0,
            or_(*ranges),
            *kind_conditions(counters, wanted),
        )
        found = {status: int(total) for status, total in await rows(connection, statement)}
    rest = (
        select(jobs.c.status, func.count())
        .where(
            jobs.c.tenant == tenant,
            jobs.c.created_at >= datetime.fromtimestamp(cell << SECOND_BITS, UTC),
            jobs.c.created_at < time,
            *kind_conditions(jobs, wanted),
        )
        .group_by(jobs.c.status)
    )
    for status, total in await rows(connection, rest):
        found[status] = found.get(status, 0) + total
    return found


def _by_status() -> Select[Any]:
    return select(counters.c.status, func.sum(counters.c.jobs)).group_by(counters.c.status)


async def locate(
    connection: Connection, tenant: str, wanted: JobFilter, order: Order, passed_over: int
) -> Place | None:
    """The cell in which the job lies that `passed_over` others come before; None when there are fewer.

    Looks at status, priority, model and style alone.
    """
    left = passed_over
    major = cell = 0
    for level in reversed(range(LEVELS)):
        statement = (
            select(counters.c.major, counters.c.cell, func.sum(counters.c.jobs))
            .where(
                counters.c.tenant == tenant,
                counters.c.sort == order.field.value,
                counters.c.level == level,
                *kind_conditions(counters, wanted),
            )
            .group_by(counters.c.major, counters.c.cell)
        )
        if level < LEVELS - 1:
            first = cell << LEVEL_BITS
            statement = statement.where(
                counters.c.major == major,
                counters.c.cell >= first,
                counters.c.cell < first + (1 << LEVEL_BITS),
            )
        place = _place_in(sorted(await rows(connection, statement), reverse=order.descending), left)
        if place is None:
            return None
        major, cell, left = place.major, place.cell, place.skip
    return Place(major, cell, left)


def _place_in(cells: Sequence[tuple[Any, ...]], skip: int) -> Place | None:
    """The one of these cells, each (major, cell, jobs), in which the job behind `skip` others lies."""
    for major, cell, total in cells:
        if skip < total:
            return Place(major, cell, skip)
        skip -= int(total)
    return None
