"""Counts jobs by adding up counters, and finds an offset of a list without a scan of the jobs before it."""

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
from kinolog.readmodel.counter_cells import ALL, LEVEL_BITS, LEVELS, SECOND_BITS, Cell
from kinolog.readmodel.queries.conditions import (
    COMMON,
    LONG,
    FilterShape,
    counter_conditions,
    job_conditions,
    kind_conditions,
    shape_of,
    values_of,
)
from kinolog.readmodel.queries.statements import BoundQuery, PreparedQuery, ResultRow, Snapshot, Values
from kinolog.readmodel.tables import counters, jobs, own_trigrams
from kinolog.readmodel.time_buckets import EPOCH

Counts = dict[str, int]
"""Numbers of jobs by status. A status without jobs may be missing."""

SIDES = ("early", "late")
CELL_WIDTH = timedelta(seconds=1 << SECOND_BITS)
FIRST_CELL, LAST_CELL = -(1 << 40), 1 << 40
"""Cells before and after all times."""

MANY_CANDIDATES = 10_000
"""If more prompts have the trigrams of a text, to read all prompts takes less time than to find each of these."""

_CANDIDATES = PreparedQuery(
    select(func.count()).select_from(
        select(own_trigrams.c.number)
        .where(own_trigrams.c.grams.contains(bindparam("trigrams", type_=own_trigrams.c.grams.type)))
        .limit(bindparam("most_candidates", type_=BigInteger()))
        .subquery("candidates")
    )
)


@dataclass(frozen=True, slots=True)
class CellOffset:
    """A finest cell of an order, and the number of its jobs before the offset."""

    cell: Cell
    skip: int


async def count(snapshot: Snapshot, tenant: str, job_filter: JobFilter) -> Counts:
    """Return numbers of jobs by status, for a filter without text."""
    query, values = count_query(tenant, job_filter)
    return counts_in(await query.rows(snapshot, values))


def count_query(tenant: str, job_filter: JobFilter) -> BoundQuery:
    """Return the query for numbers of jobs by status, for a filter without text. `counts_in` reads its result."""
    values = values_of(tenant, job_filter)
    shape = shape_of(job_filter).of_kinds_only
    if job_filter.created_from is None and job_filter.created_before is None:
        return _count_all(shape), values
    return _count_between(shape), values | _span(job_filter.created_from, job_filter.created_before)


@lru_cache(maxsize=256)
def count_each(shape: FilterShape) -> PreparedQuery:
    """Return the query that counts jobs one by one, by status: for what counters do not know."""
    statement = select(jobs.c.status, func.count()).where(*job_conditions(shape))
    return PreparedQuery(statement.group_by(jobs.c.status))


def counts_in(rows: Iterable[ResultRow]) -> Counts:
    """Return numbers of jobs by status."""
    counts: Counts = {}
    for status, total in rows:
        counts[status] = counts.get(status, 0) + int(total)
    return counts


async def shape_by_frequency(snapshot: Snapshot, shape: FilterShape, values: Values) -> FilterShape:
    """Return the shape with its text as `COMMON` if more than `MANY_CANDIDATES` prompts have its trigrams."""
    if shape.text != LONG:
        return shape
    counted = await _CANDIDATES.rows(snapshot, {**values, "most_candidates": MANY_CANDIDATES + 1})
    return replace(shape, text=COMMON) if counted[0][0] > MANY_CANDIDATES else shape


def count_outside_query(tenant: str, job_filter: JobFilter, *, late: bool) -> BoundQuery | None:
    """Return the query that counts jobs of the filter's kind before its dates, or after them when `late`.

    None if there can be none.
    """
    edge = job_filter.created_before if late else job_filter.created_from
    if edge is None:
        return None
    outside = (edge, None) if late else (None, edge)
    return count_query(tenant, replace(job_filter, created_from=outside[0], created_before=outside[1]))


def cell_query(tenant: str, job_filter: JobFilter, order: SortOrder, offset: int) -> BoundQuery:
    """Return the query for the cell of the job at an offset. `cell_in` reads its result.

    Filters by status, priority, model and style only.
    """
    values = values_of(tenant, job_filter) | {"sort": order.field.value, "offset": offset}
    return _cell_statement(shape_of(job_filter).of_kinds_only, order.descending), values


def cell_in(rows: Iterable[ResultRow]) -> CellOffset | None:
    """Return the cell; None if the list has fewer jobs."""
    for major, number, skip in rows:
        return CellOffset(Cell(major, number), int(skip))
    return None


def cover(first: int, end: int) -> Iterator[tuple[int, str, int, int]]:
    """Yield the fewest cells that make up the finest ones from `first` to `end` (excluded).

    Each item is level, side and a range of cells of that level. The coarsest level has one side only.
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
    """Return the values of `_count_between`: whole cells for counters, the times around them for the jobs."""
    if start is not None and end is not None:
        end = max(start, end)
    first = FIRST_CELL if start is None else -((EPOCH - start) // CELL_WIDTH)
    last = LAST_CELL if end is None else (end - EPOCH) // CELL_WIDTH
    values: dict[str, Any] = {f"{side}_{level}_{name}": 0 for level, side in _RANGES for name in _ENDS}
    edges = {f"{side}_{name}": EPOCH for side in SIDES for name in _ENDS}
    if first <= last:
        for level, side, *ends in cover(first, last):
            values |= {f"{side}_{level}_{name}": at for name, at in zip(_ENDS, ends, strict=True)}
        if start is not None:
            edges |= {"early_start": start, "early_end": _time(first)}
        if end is not None:
            edges |= {"late_start": _time(last), "late_end": end}
    else:  # both ends are within one cell
        edges |= {"early_start": start or EPOCH, "early_end": end or EPOCH}
    return values | edges


_RANGES = [(level, side) for level in range(LEVELS) for side in SIDES]
_ENDS = ("start", "end")


def _time(cell: int) -> datetime:
    """Return the start of a cell, or the earliest or latest time for a cell beyond it."""
    try:
        return EPOCH + cell * CELL_WIDTH
    except OverflowError:
        return (datetime.min if cell < 0 else datetime.max).replace(tzinfo=UTC)


def _counts_by_status() -> Select[Any]:
    return select(counters.c.status, func.sum(counters.c.jobs)).group_by(counters.c.status)


@lru_cache(maxsize=256)
def _count_all(shape: FilterShape) -> PreparedQuery:
    return PreparedQuery(
        _counts_by_status().where(
            *counter_conditions(shape),
            counters.c.sort == SortField.CREATED_AT.value,
            counters.c.level == ALL,
        ),
        generic_plan=True,
    )


@lru_cache(maxsize=256)
def _count_between(shape: FilterShape) -> PreparedQuery:
    """Count whole cells by counters, and the rest of the cells at both ends by jobs."""
    ranges = [
        and_(
            counters.c.level == level,
            counters.c.cell >= bindparam(f"{side}_{level}_start", type_=BigInteger()),
            counters.c.cell < bindparam(f"{side}_{level}_end", type_=BigInteger()),
        )
        for level, side in _RANGES
    ]
    whole = _counts_by_status().where(
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
    return PreparedQuery(select(union_all(whole, *edges).subquery("counts")), generic_plan=True)


@lru_cache(maxsize=256)
def _cell_statement(shape: FilterShape, descending: bool) -> PreparedQuery:
    """Find the cell of an offset, from the coarsest cells to a finest one: major, cell, and jobs of it to skip."""
    outer: FromClause | None = None
    for level in reversed(range(LEVELS)):
        outer = _cell_of_level(shape, descending, level, outer)
    if outer is None:
        raise AssertionError("there are no levels of cells")
    return PreparedQuery(select(outer.c.major, outer.c.cell, outer.c.skip), generic_plan=True)


def _cell_of_level(shape: FilterShape, descending: bool, level: int, outer: FromClause | None) -> CTE:
    """Select the cell of a level that contains the offset, within the cell `outer` of the level above."""
    statement = (
        select(counters.c.major, counters.c.cell, cast(func.sum(counters.c.jobs), BigInteger).label("jobs"))
        .where(
            *counter_conditions(shape),
            counters.c.sort == bindparam("sort", type_=Text()),
            counters.c.level == level,
        )
        .group_by(counters.c.major, counters.c.cell)
    )
    skip: Any = bindparam("offset", type_=BigInteger())
    if outer is not None:
        # Scalar subqueries: the planner evaluates them first, and then finds the cells by index.
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
    jobs_so_far = cast(func.sum(cells.c.jobs).over(order_by=direction), BigInteger)
    running = select(cells, jobs_so_far.label("jobs_so_far")).subquery(f"running_{level}")
    before = running.c.jobs_so_far - running.c.jobs
    return (
        select(running.c.major, running.c.cell, (skip - before).label("skip"))
        .where(before <= skip, running.c.jobs_so_far > skip)
        .cte(f"cell_{level}")
    )
