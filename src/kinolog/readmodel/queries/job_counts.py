"""Counting jobs by adding up counters, and finding a place in a list without walking to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)

from kinolog.ports.read_model import JobFilter, SortField, SortOrder
from kinolog.readmodel.counter_cells import ALL, LEVEL_BITS, LEVELS, SECOND_BITS
from kinolog.readmodel.queries.conditions import (
    FilterShape,
    counter_conditions,
    kind_conditions,
    shape_of,
    values_of,
)
from kinolog.readmodel.queries.statements import BoundQuery, PreparedQuery, Row, Snapshot
from kinolog.readmodel.tables import counters, jobs
from kinolog.readmodel.time_buckets import EPOCH

Counts = dict[str, int]
"""Numbers of jobs by status; a status without jobs may be missing."""

SIDES = ("early", "late")
CELL = timedelta(seconds=1 << SECOND_BITS)
FIRST_CELL, LAST_CELL = -(1 << 40), 1 << 40
"""Before and behind all times."""


@dataclass(frozen=True, slots=True)
class CellPosition:
    """A finest cell of an order, and how many jobs of it lie before the place that was looked for."""

    major: int
    cell: int
    skip: int


async def count(snapshot: Snapshot, tenant: str, wanted: JobFilter) -> Counts:
    """Numbers of jobs by status, for a filter without text."""
    question, values = counted(tenant, wanted)
    return counts_in(await question.rows(snapshot, values))


def counted(tenant: str, wanted: JobFilter) -> BoundQuery:
    """Asks for the numbers of jobs by status, for a filter without text: `counts_in` reads the answer."""
    values = values_of(tenant, wanted)
    shape = shape_of(wanted).of_kinds_only
    if wanted.created_from is None and wanted.created_before is None:
        return _all(shape), values
    return _between(shape), values | _span(wanted.created_from, wanted.created_before)


def counts_in(rows: Iterable[Row]) -> Counts:
    """Numbers of jobs by status."""
    found: Counts = {}
    for status, total in rows:
        found[status] = found.get(status, 0) + int(total)
    return found


def counted_outside(tenant: str, wanted: JobFilter, *, late: bool) -> BoundQuery | None:
    """Asks for the jobs of the right kind from before the filter's dates, or from behind them when `late`.

    None when there can be none.
    """
    edge = wanted.created_before if late else wanted.created_from
    if edge is None:
        return None
    outside = (edge, None) if late else (None, edge)
    return counted(tenant, replace(wanted, created_from=outside[0], created_before=outside[1]))


def located(tenant: str, wanted: JobFilter, order: SortOrder, passed_over: int) -> BoundQuery:
    """Asks for the cell of the job that `passed_over` others come before: `place_in` reads the answer.

    Looks at status, priority, model and style alone.
    """
    values = values_of(tenant, wanted) | {"sort": order.field.value, "passed_over": passed_over}
    return _place(shape_of(wanted).of_kinds_only, order.descending), values


def place_in(rows: Iterable[Row]) -> CellPosition | None:
    """A place; None when there are fewer jobs."""
    for major, cell, skip in rows:
        return CellPosition(major, cell, int(skip))
    return None


def cover(first: int, end: int) -> Iterator[tuple[int, str, int, int]]:
    """The fewest cells that make up the finest ones from `first` to `end` (excluded).

    As level, side and a range of cells of that level; of the coarsest level there is one side alone.
    """
    for level in range(LEVELS):
        inner_first, inner_end = -(-first >> LEVEL_BITS), end >> LEVEL_BITS
        if inner_first >= inner_end or level == LEVELS - 1:
            yield level, SIDES[0], first, end
            return
        yield level, SIDES[0], first, inner_first << LEVEL_BITS
        yield level, SIDES[1], inner_end << LEVEL_BITS, end
        first, end = inner_first, inner_end


def _span(start: datetime | None, end: datetime | None) -> dict[str, Any]:
    """Values of `_between`: whole cells for counters, the times around them for the jobs."""
    if start is not None and end is not None:
        end = max(start, end)
    first = FIRST_CELL if start is None else -((EPOCH - start) // CELL)
    last = LAST_CELL if end is None else (end - EPOCH) // CELL
    values: dict[str, Any] = {f"{side}_{level}_{name}": 0 for level, side in _RANGES for name in _ENDS}
    edges = {f"{side}_{name}": EPOCH for side in SIDES for name in _ENDS}
    if first <= last:
        for level, side, *ends in cover(first, last):
            values |= {f"{side}_{level}_{name}": at for name, at in zip(_ENDS, ends, strict=True)}
        if start is not None:
            edges |= {"early_start": start, "early_end": _time(first)}
        if end is not None:
            edges |= {"late_start": _time(last), "late_end": end}
    else:  # both ends lie within one cell
        edges |= {"early_start": start or EPOCH, "early_end": end or EPOCH}
    return values | edges


_RANGES = [(level, side) for level in range(LEVELS) for side in SIDES]
_ENDS = ("start", "end")


def _time(cell: int) -> datetime:
    """Where a cell begins, or the end of time next to it."""
    try:
        return EPOCH + cell * CELL
    except OverflowError:
        return (datetime.min if cell < 0 else datetime.max).replace(tzinfo=UTC)


def _by_status() -> Select[Any]:
    return select(counters.c.status, func.sum(counters.c.jobs)).group_by(counters.c.status)


@lru_cache(maxsize=256)
def _all(shape: FilterShape) -> PreparedQuery:
    return PreparedQuery(
        _by_status().where(
            *counter_conditions(shape),
            counters.c.sort == SortField.CREATED_AT.value,
            counters.c.level == ALL,
        ),
        steady=True,
    )


@lru_cache(maxsize=256)
def _between(shape: FilterShape) -> PreparedQuery:
    """Whole cells from the counters, the rest of the cells at both ends from the jobs."""
    ranges = [
        and_(
            counters.c.level == level,
            counters.c.cell >= bindparam(f"{side}_{level}_start", type_=BigInteger()),
            counters.c.cell < bindparam(f"{side}_{level}_end", type_=BigInteger()),
        )
        for level, side in _RANGES
    ]
    whole = _by_status().where(
        *counter_conditions(shape),
        counters.c.sort == SortField.CREATED_AT.value,
        counters.c.major == 0,
        or_(*ranges),
    )
    time = jobs.c.created_at.type
    edges = [
        select(jobs.c.status, func.count())
        .where(
            *kind_conditions(jobs, shape),
            jobs.c.created_at >= bindparam(f"{side}_start", type_=time),
            jobs.c.created_at < bindparam(f"{side}_end", type_=time),
        )
        .group_by(jobs.c.status)
        for side in SIDES
    ]
    return PreparedQuery(select(union_all(whole, *edges).subquery("parts")), steady=True)


@lru_cache(maxsize=256)
def _place(shape: FilterShape, descending: bool) -> PreparedQuery:
    """From the coarsest cells to a finest one: major, cell, and how many of it to pass over."""
    outer: FromClause | None = None
    for level in reversed(range(LEVELS)):
        outer = _inner(shape, descending, level, outer)
    if outer is None:
        raise AssertionError("there are no levels of cells")
    return PreparedQuery(select(outer.c.major, outer.c.cell, outer.c.skip), steady=True)


def _inner(shape: FilterShape, descending: bool, level: int, outer: FromClause | None) -> CTE:
    """The cell of a level, within the one `outer` of the level above, that the place lies in."""
    statement = (
        select(counters.c.major, counters.c.cell, cast(func.sum(counters.c.jobs), BigInteger).label("jobs"))
        .where(
            *counter_conditions(shape),
            counters.c.sort == bindparam("sort", type_=Text()),
            counters.c.level == level,
        )
        .group_by(counters.c.major, counters.c.cell)
    )
    skip: Any = bindparam("passed_over", type_=BigInteger())
    if outer is not None:
        # Asked for one by one, so that the planner looks them up first and then the cells by index.
        first = select(outer.c.cell).scalar_subquery()
        width = literal(1 << LEVEL_BITS, BigInteger())
        statement = statement.where(
            counters.c.major == select(outer.c.major).scalar_subquery(),
            counters.c.cell >= first * width,
            counters.c.cell < (first + 1) * width,
        )
        skip = select(outer.c.skip).scalar_subquery()
    cells = statement.subquery(f"cells_{level}")
    direction = [c.desc() if descending else c.asc() for c in (cells.c.major, cells.c.cell)]
    behind = cast(func.sum(cells.c.jobs).over(order_by=direction), BigInteger)
    running = select(cells, behind.label("behind")).subquery(f"running_{level}")
    before = running.c.behind - running.c.jobs
    return (
        select(running.c.major, running.c.cell, (skip - before).label("skip"))
        .where(before <= skip, running.c.behind > skip)
        .cte(f"place_{level}")
    )
