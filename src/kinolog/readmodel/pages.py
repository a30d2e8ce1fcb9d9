"""The statements of lists, one per shape of list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, select, true, tuple_, union_all

from kinolog.ports.read_model import Order, SortField
from kinolog.readmodel.asking import Question
from kinolog.readmodel.conditions import (
    NONE,
    SHORT,
    Condition,
    Shape,
    job_conditions,
    one_status,
    text_conditions,
)
from kinolog.readmodel.mapping import JOB_COLUMNS
from kinolog.readmodel.tables import jobs, prompts

BEHIND, FROM = "behind", "from"
"""Where a page begins: behind the job that is marked, or with it."""

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

    `marked` is empty, `BEHIND` or `FROM`; `how` is `WALK`, `GATHER` or `GLANCE`.
    """

    filter: Shape
    order: Order
    marked: str = ""
    how: str = WALK


@lru_cache(maxsize=1024)
def page(shape: ListShape) -> Question:
    """A page: the columns of `kinolog.readmodel.mapping`, both prompts, the key of the order, the number.

    Named values beside the filter's: `mark_value`, `mark_number`, `skip`, `limit`, `reach` (the sum of both).
    """
    conditions = _mark_conditions(shape)
    key = SORT_COLUMNS[shape.order.field].label("key")

    def part(more: list[Condition]) -> Select[Any]:
        return select(*JOB_COLUMNS, key, jobs.c.number).where(*more, *conditions)

    ordered = {WALK: _walked, GATHER: _gathered, GLANCE: _glanced}[shape.how](shape, part)
    its = ordered.offset(_number("skip")).limit(_number("limit")).subquery("page")
    columns = [its.c[column.name] for column in JOB_COLUMNS]
    return Question(
        select(*columns, prompts.c.prompt, prompts.c.negative_prompt, its.c.key, its.c.number)
        .select_from(its.outerjoin(prompts, prompts.c.job_id == its.c.id))
        .order_by(*_directions(shape.order, its.c.key, its.c.number))
    )


@lru_cache(maxsize=256)
def within_cell(shape: ListShape, lower: bool, upper: bool) -> Question:
    """Key and number of the job behind `skip` others of a cell; an index alone answers it.

    Named values: `lower_value`, `lower_number`, `upper_value`, `upper_number`, `skip`, `reach` (one more).
    """
    key = SORT_COLUMNS[shape.order.field]
    here = tuple_(key, jobs.c.number)
    bounds: list[Condition] = []
    if lower:
        bounds.append(here >= _named(shape.order, "lower"))
    if upper:
        bounds.append(here < _named(shape.order, "upper"))

    def part(more: list[Condition]) -> Select[Any]:
        return select(key.label("key"), jobs.c.number).where(*more, *bounds)

    return Question(_walked(shape, part).offset(_number("skip")).limit(1))


def _mark_conditions(shape: ListShape) -> list[Condition]:
    if not shape.marked:
        return []
    here = tuple_(SORT_COLUMNS[shape.order.field], jobs.c.number)
    there = _named(shape.order, "mark")
    if shape.order.descending:
        return [here < there if shape.marked == BEHIND else here <= there]
    return [here > there if shape.marked == BEHIND else here >= there]


def _walked(shape: ListShape, part: Part) -> Select[Any]:
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
    reach = _number("reach")
    merged = union_all(*(select(one.limit(reach).subquery()) for one in parts)).subquery("merged")
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
    return select(matching).order_by(*_directions(shape.order, matching.c.key, matching.c.number))


def _glanced(shape: ListShape, part: Part) -> Select[Any]:
    """Those of the next jobs along the index that have the text."""
    walked = _walked(replace(shape, filter=replace(shape.filter, text=NONE)), part)
    its = walked.limit(GLANCE_JOBS).subquery("glance")
    # Each prompt by its key (OFFSET 0 keeps the planner from comparing all prompts, or asking the index of texts).
    compared = (
        select(prompts.c.job_id)
        .where(prompts.c.job_id == its.c.id, *text_conditions(replace(shape.filter, text=SHORT)))
        .offset(0)
        .lateral("compared")
    )
    return select(its).join(compared, true()).order_by(*_directions(shape.order, its.c.key, its.c.number))


def _fenced(statement: Select[Any], name: str) -> Any:
    return statement.cte(name).prefix_with("MATERIALIZED", dialect="postgresql")


def _directions(
    order: Order, key: ColumnElement[Any], number: ColumnElement[Any]
) -> list[ColumnElement[Any]]:
    return [column.desc() if order.descending else column.asc() for column in (key, number)]


def _named(order: Order, name: str) -> Any:
    key = SORT_COLUMNS[order.field]
    return tuple_(bindparam(f"{name}_value", type_=key.type), bindparam(f"{name}_number", type_=BigInteger()))


def _number(name: str) -> Any:
    return bindparam(name, type_=BigInteger())
