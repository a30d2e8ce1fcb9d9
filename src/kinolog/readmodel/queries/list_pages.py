"""The statements of lists, one per shape of list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    bindparam,
    select,
    true,
    tuple_,
    union_all,
)

from kinolog.ports.read_model import SortField, SortOrder
from kinolog.readmodel.queries.conditions import (
    NONE,
    ONE,
    SHORT,
    Condition,
    FilterShape,
    job_conditions,
    one_status,
    text_conditions,
)
from kinolog.readmodel.queries.job_rows import JOB_COLUMNS
from kinolog.readmodel.queries.statements import PreparedQuery
from kinolog.readmodel.tables import jobs, prompts

BEHIND, WITHIN = "behind", "within"
"""Where a page begins: behind the job that is marked, or with the one behind `passed_over` others of a cell."""

WALK, GATHER, GLANCE = "walk", "gather", "glance"
"""How a page is found: along an index, looking out for what matches; by finding all that match and sorting them; or
by looking for a text among the next `GLANCE_JOBS` along the index."""

GLANCE_JOBS = 2_000

SORT_COLUMNS: dict[SortField, ColumnElement[Any]] = {
    SortField.CREATED_AT: jobs.c.created_at,
    SortField.UPDATED_AT: jobs.c.updated_at,
    SortField.PROGRESS: jobs.c.percent,
    SortField.DURATION: jobs.c.duration_us,
    SortField.PRIORITY: jobs.c.urgency,
}

Part = Callable[[list[Condition]], Select[Any]]


@dataclass(frozen=True, slots=True)
class ListShape:
    """What the statement of a page depends on; the values are named in it.

    `marked` is empty, `BEHIND` or `WITHIN`; `lower` and `upper` say whether the cell has those bounds; `how` is
    `WALK`, `GATHER` or `GLANCE`.
    """

    filter: FilterShape
    order: SortOrder
    marked: str = ""
    lower: bool = False
    upper: bool = False
    how: str = WALK


@lru_cache(maxsize=1024)
def page(shape: ListShape) -> PreparedQuery:
    """A page: the columns of `kinolog.readmodel.queries.job_rows`, both prompts, the key of the order, the number.

    Named values beside the filter's: `skip`, `limit`, `reach` (the sum of both); behind a mark `mark_value` and
    `mark_number`; within a cell `passed_over`, `passed_reach` (one more), `lower_value`, `lower_number`,
    `upper_value`, `upper_number`.
    """
    key = SORT_COLUMNS[shape.order.field]

    def whole(more: list[Condition]) -> Select[Any]:
        conditions = _mark_conditions(shape, key, jobs.c.number)
        return select(*JOB_COLUMNS, key.label("key"), jobs.c.number).where(*more, *conditions)

    def thin(more: list[Condition]) -> Select[Any]:
        return select(jobs.c.id, key.label("key"), jobs.c.number).where(*more)

    if shape.how == GATHER:
        # Many may match: they are sorted by what is needed for that, and the few of the page are read by their ids.
        its = _cut(_gathered(shape, thin))
        found = select(*JOB_COLUMNS).select_from(its.join(jobs, jobs.c.id == its.c.id))
    else:
        its = _cut((_glanced if shape.how == GLANCE else _walked)(shape, whole))
        found = select(*(its.c[column.name] for column in JOB_COLUMNS))
    return PreparedQuery(
        found.outerjoin(prompts, prompts.c.number == its.c.number)
        .add_columns(prompts.c.prompt, prompts.c.negative_prompt, its.c.key, its.c.number)
        .order_by(*_directions(shape.order, its.c.key, its.c.number)),
        steady=shape.how != GATHER,
    )


def _cut(ordered: Select[Any]) -> Subquery:
    return ordered.offset(_number("skip")).limit(_number("limit")).subquery("page")


def _mark_conditions(
    shape: ListShape, key: ColumnElement[Any], number: ColumnElement[Any]
) -> list[Condition]:
    if not shape.marked:
        return []
    if shape.marked == WITHIN:
        first = _first_of_page(shape).c
        columns = [first.number] if _is_of_one_value(shape) else [first.key, first.number]
        there = select(*columns).scalar_subquery()
    else:
        there = _named(shape, "mark")
    here = _placed(shape, key, number)
    if shape.marked == WITHIN:
        return [here <= there if shape.order.descending else here >= there]
    return [here < there if shape.order.descending else here > there]


@lru_cache(maxsize=1024)  # the parts of a statement must mean the same one
def _first_of_page(shape: ListShape) -> CTE:
    """Key and number of the job behind `passed_over` others of a cell, whatever its date; an index alone tells."""
    key = SORT_COLUMNS[shape.order.field]
    here = _placed(shape, key, jobs.c.number)
    bounds: list[Condition] = []
    if shape.lower:
        bounds.append(here >= _named(shape, "lower"))
    if shape.upper:
        bounds.append(here < _named(shape, "upper"))

    def part(more: list[Condition]) -> Select[Any]:
        return select(key.label("key"), jobs.c.number).where(*more, *bounds)

    walked = _walked(replace(shape, filter=shape.filter.of_kinds_only), part, reach="passed_reach")
    return walked.offset(_number("passed_over")).limit(1).cte("first")


def _walked(shape: ListShape, part: Part, *, reach: str = "reach") -> Select[Any]:
    """Jobs along an index: of all statuses, of one, or of several merged."""
    key, order = SORT_COLUMNS[shape.order.field], shape.order
    conditions = job_conditions(shape.filter, statuses=False)
    if not shape.filter.statuses:
        return part(conditions).order_by(*_directions(order, key, jobs.c.number))
    parts = [
        part([*conditions, one_status(place)]).order_by(*_directions(order, key, jobs.c.number))
        for place in range(shape.filter.statuses)
    ]
    if len(parts) == 1:
        return parts[0]
    limited = (select(one.limit(_number(reach)).subquery()) for one in parts)
    merged = union_all(*limited).subquery("merged")
    return select(merged).order_by(*_directions(order, merged.c.key, merged.c.number))


def _gathered(shape: ListShape, part: Part) -> Select[Any]:
    """All that match first, fenced off from the planner, then sorted."""
    if shape.filter.text:
        found = _fenced(select(prompts.c.job_id).where(*text_conditions(shape.filter)), "hits")
        conditions = job_conditions(replace(shape.filter, text=NONE))
        statement = part(conditions).join(found, found.c.job_id == jobs.c.id)
    else:
        statement = part(job_conditions(shape.filter))
    matching = _fenced(statement, "matching")
    marked = select(matching).where(*_mark_conditions(shape, matching.c.key, matching.c.number))
    return marked.order_by(*_directions(shape.order, matching.c.key, matching.c.number))


def _glanced(shape: ListShape, part: Part) -> Select[Any]:
    """Those of the next jobs along the index that have the text."""
    walked = _walked(replace(shape, filter=replace(shape.filter, text=NONE)), part)
    its = walked.limit(GLANCE_JOBS).subquery("glance")
    # Each prompt by its key (OFFSET 0 keeps the planner from comparing all prompts, or asking the index of texts).
    compared = (
        select(prompts.c.job_id)
        .where(prompts.c.number == its.c.number, *text_conditions(replace(shape.filter, text=SHORT)))
        .offset(0)
        .lateral("compared")
    )
    return select(its).join(compared, true()).order_by(*_directions(shape.order, its.c.key, its.c.number))


def _fenced(statement: Select[Any], name: str) -> Any:
    return statement.cte(name).prefix_with("MATERIALIZED", dialect="postgresql")


def _directions(
    order: SortOrder, key: ColumnElement[Any], number: ColumnElement[Any]
) -> list[ColumnElement[Any]]:
    return [column.desc() if order.descending else column.asc() for column in (key, number)]


def _placed(shape: ListShape, key: Any, number: Any) -> Any:
    """A place in the order: the value that is ordered by and the number."""
    return number if _is_of_one_value(shape) else tuple_(key, number)


def _is_of_one_value(shape: ListShape) -> bool:
    """Whether all jobs of the list have the same value, which an index would be read from the beginning of."""
    return shape.order.field is SortField.PRIORITY and shape.filter.urgencies == ONE


def _named(shape: ListShape, name: str) -> Any:
    key = SORT_COLUMNS[shape.order.field]
    value, number = bindparam(f"{name}_value", type_=key.type), _number(f"{name}_number")
    return _placed(shape, value, number)


def _number(name: str) -> Any:
    return bindparam(name, type_=BigInteger())
