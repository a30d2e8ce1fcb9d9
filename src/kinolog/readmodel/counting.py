"""Counting jobs by adding up counters, and finding a place in a list without walking to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, Text, and_, bindparam, func, or_, select

from kinolog.ports.read_model import JobFilter, Order, SortField
from kinolog.readmodel.asking import Question
from kinolog.readmodel.buckets import EPOCH
from kinolog.readmodel.cells import ALL, LEVEL_BITS, LEVELS, SECOND_BITS
from kinolog.readmodel.conditions import Shape, counter_conditions, kind_conditions, shape_of, values_of
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
    return {status: found - early.get(status, 0) for status, found in total.items()}


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


async def locate(
    connection: Connection, tenant: str, wanted: JobFilter, order: Order, passed_over: int
) -> Place | None:
    """The cell in which the job lies that `passed_over` others come before; None when there are fewer.

    Looks at status, priority, model and style alone.
    """
    place = Place(0, 0, passed_over)
    values = values_of(tenant, wanted) | {"sort": order.field.value}
    for level in reversed(range(LEVELS)):
        first = place.cell << LEVEL_BITS
        values |= {"level": level, "major": place.major, "first": first, "end": first + (1 << LEVEL_BITS)}
        question = _cells(shape_of(wanted).of_kinds_only, level == LEVELS - 1)
        found = sorted(await question.rows(connection, values), reverse=order.descending)
        inner = _place_in(found, place.skip)
        if inner is None:
            return None
        place = inner
    return place


def _place_in(cells: Sequence[tuple[Any, ...]], skip: int) -> Place | None:
    """The one of these cells, each (major, cell, jobs), in which the job behind `skip` others lies."""
    for major, cell, total in cells:
        if skip < total:
            return Place(major, cell, skip)
        skip -= int(total)
    return None


async def _count_all(connection: Connection, tenant: str, wanted: JobFilter) -> Counts:
    found = await _all(shape_of(wanted).of_kinds_only).rows(connection, values_of(tenant, wanted))
    return {status: int(total) for status, total in found}


async def _count_before(connection: Connection, tenant: str, wanted: JobFilter, time: datetime) -> Counts:
    """Jobs submitted before a time: whole cells from the counters, the rest of a cell from the jobs."""
    shape = shape_of(wanted).of_kinds_only
    cell = ((time - EPOCH) // timedelta(seconds=1)) >> SECOND_BITS
    values = values_of(tenant, wanted)
    for level in range(LEVELS):
        values[f"end_{level}"] = cell >> (LEVEL_BITS * level)
        coarser = cell >> (LEVEL_BITS * (level + 1))
        values[f"start_{level}"] = coarser << LEVEL_BITS if level < LEVELS - 1 else -(1 << 40)
    found = {status: int(total) for status, total in await _before(shape).rows(connection, values)}
    values |= {"cell_start": datetime.fromtimestamp(cell << SECOND_BITS, UTC), "time": time}
    for status, total in await _rest(shape).rows(connection, values):
        found[status] = found.get(status, 0) + int(total)
    return found


def _by_status() -> Select[Any]:
    return select(counters.c.status, func.sum(counters.c.jobs)).group_by(counters.c.status)


@lru_cache(maxsize=256)
def _all(shape: Shape) -> Question:
    return Question(
        _by_status().where(
            *counter_conditions(shape),
            counters.c.sort == SortField.CREATED_AT.value,
            counters.c.level == ALL,
        )
    )


@lru_cache(maxsize=256)
def _before(shape: Shape) -> Question:
    ranges = [
        and_(
            counters.c.level == level,
            counters.c.cell >= bindparam(f"start_{level}", type_=BigInteger()),
            counters.c.cell < bindparam(f"end_{level}", type_=BigInteger()),
        )
        for level in range(LEVELS)
    ]
    return Question(
        _by_status().where(
            *counter_conditions(shape),
            counters.c.sort == SortField.CREATED_AT.value,
            counters.c.major == 0,
            or_(*ranges),
        )
    )


@lru_cache(maxsize=256)
def _rest(shape: Shape) -> Question:
    time = jobs.c.created_at.type
    return Question(
        select(jobs.c.status, func.count())
        .where(
            *kind_conditions(jobs, shape),
            jobs.c.created_at >= bindparam("cell_start", type_=time),
            jobs.c.created_at < bindparam("time", type_=time),
        )
        .group_by(jobs.c.status)
    )


@lru_cache(maxsize=256)
def _cells(shape: Shape, coarsest: bool) -> Question:
    statement = (
        select(counters.c.major, counters.c.cell, func.sum(counters.c.jobs))
        .where(
            *counter_conditions(shape),
            counters.c.sort == bindparam("sort", type_=Text()),
            counters.c.level == bindparam("level", type_=Integer()),
        )
        .group_by(counters.c.major, counters.c.cell)
    )
    if not coarsest:
        statement = statement.where(
            counters.c.major == bindparam("major", type_=Integer()),
            counters.c.cell >= bindparam("first", type_=BigInteger()),
            counters.c.cell < bindparam("end", type_=BigInteger()),
        )
    return Question(statement)
