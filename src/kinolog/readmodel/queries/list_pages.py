"""The statements of list pages, one per shape of list."""

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
    literal,
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
    contains_text,
    job_conditions,
    one_status,
    text_matches,
)
from kinolog.readmodel.queries.cursors import CursorPosition
from kinolog.readmodel.queries.job_rows import JOB_COLUMNS, PROMPT_COLUMNS, READ_COLUMNS
from kinolog.readmodel.queries.statements import PreparedQuery, ResultRow
from kinolog.readmodel.tables import jobs, prompts

AFTER_JOB, WITHIN_CELL = "after_job", "within_cell"
"""Where a page starts: after the job of a cursor, or with the job that follows `skipped` others of a cell."""

SCAN_INDEX, SORT_MATCHES, PROBE_TEXT = "scan_index", "sort_matches", "probe_text"
"""How a page is found: scan an index in its order and filter; find all matching jobs and sort them; or search a text
among the next `PROBED_JOBS` of the index."""

PROBED_JOBS = 2_000

SORT_COLUMNS: dict[SortField, ColumnElement[Any]] = {
    SortField.CREATED_AT: jobs.c.created_at,
    SortField.UPDATED_AT: jobs.c.updated_at,
    SortField.PROGRESS: jobs.c.percent,
    SortField.DURATION: jobs.c.duration_us,
    SortField.PRIORITY: jobs.c.urgency,
}

_EVERY_HIT = select(literal(1 << 40)).scalar_subquery()
"""A limit that is never reached, and that the planner does not know. So it assumes a tenth of the hits that it expects.

It has no statistics of prompts (decision 37) and expects a fifth of all jobs to contain any two characters.
"""

Selection = Callable[[list[Condition]], Select[Any]]


@dataclass(frozen=True, slots=True)
class ListShape:
    """The properties of a list that determine the statement of a page; values are its parameters.

    `start` is empty for the beginning of the list, `AFTER_JOB` or `WITHIN_CELL`; `lower` and `upper` are whether the
    cell has those bounds; `method` is `SCAN_INDEX`, `SORT_MATCHES` or `PROBE_TEXT`.
    """

    filter: FilterShape
    order: SortOrder
    start: str = ""
    lower: bool = False
    upper: bool = False
    method: str = SCAN_INDEX


@lru_cache(maxsize=1024)
def page(shape: ListShape) -> PreparedQuery:
    """Return the query for a page. `job_from_row` and `cursor_position` read its rows.

    Parameters besides the filter's: `skip`, `limit`, `reach` (their sum); after a job `after_value` and
    `after_number`; within a cell `skipped`, `skipped_reach` (one more), `lower_value`, `lower_number`,
    `upper_value`, `upper_number`.
    """
    key = SORT_COLUMNS[shape.order.field]

    def all_columns(more: list[Condition]) -> Select[Any]:
        conditions = _start_conditions(shape, key, jobs.c.number)
        return select(*JOB_COLUMNS, key.label("key"), jobs.c.number).where(*more, *conditions)

    def keys_only(more: list[Condition]) -> Select[Any]:
        return select(jobs.c.id, key.label("key"), jobs.c.number).where(*more)

    if shape.method == SORT_MATCHES:
        # Many may match: sort them by id and key alone, then read the few rows of the page by id.
        found = _limited(_sorted_matches(shape, keys_only))
        rows = select(*JOB_COLUMNS).select_from(found.join(jobs, jobs.c.id == found.c.id))
    else:
        found = _limited((_probed if shape.method == PROBE_TEXT else _index_scan)(shape, all_columns))
        rows = select(*(found.c[column.name] for column in JOB_COLUMNS))
    return PreparedQuery(
        rows.outerjoin(prompts, prompts.c.number == found.c.number)
        .add_columns(*PROMPT_COLUMNS, found.c.key, found.c.number)
        .order_by(*_directions(shape.order, found.c.key, found.c.number)),
        generic_plan=shape.method != SORT_MATCHES,
    )


def cursor_position(row: ResultRow) -> CursorPosition:
    """Return the position in its list of a row of `page`."""
    value, number = row[READ_COLUMNS:]
    return CursorPosition(value, number)


def _limited(ordered: Select[Any]) -> Subquery:
    return ordered.offset(_number("skip")).limit(_number("limit")).subquery("page")


def _start_conditions(
    shape: ListShape, key: ColumnElement[Any], number: ColumnElement[Any]
) -> list[Condition]:
    if not shape.start:
        return []
    if shape.start == WITHIN_CELL:
        first = _first_job(shape).c
        columns = [first.number] if _has_one_value(shape) else [first.key, first.number]
        start = select(*columns).scalar_subquery()
    else:
        start = _position_parameter(shape, "after")
    position = _sort_position(shape, key, number)
    if shape.start == WITHIN_CELL:
        return [position <= start if shape.order.descending else position >= start]
    return [position < start if shape.order.descending else position > start]


@lru_cache(maxsize=1024)  # all parts of a statement must refer to the same CTE
def _first_job(shape: ListShape) -> CTE:
    """Return key and number of the job after `skipped` others of a cell, whatever its date; an index-only scan."""
    key = SORT_COLUMNS[shape.order.field]
    position = _sort_position(shape, key, jobs.c.number)
    bounds: list[Condition] = []
    if shape.lower:
        bounds.append(position >= _position_parameter(shape, "lower"))
    if shape.upper:
        bounds.append(position < _position_parameter(shape, "upper"))

    def selection(more: list[Condition]) -> Select[Any]:
        return select(key.label("key"), jobs.c.number).where(*more, *bounds)

    scan = _index_scan(replace(shape, filter=shape.filter.of_kinds_only), selection, reach="skipped_reach")
    return scan.offset(_number("skipped")).limit(1).cte("first")


def _index_scan(shape: ListShape, selection: Selection, *, reach: str = "reach") -> Select[Any]:
    """Select jobs in the order of an index: of all statuses, of one, or of several merged."""
    key, order = SORT_COLUMNS[shape.order.field], shape.order
    conditions = job_conditions(shape.filter, statuses=False)
    if not shape.filter.statuses:
        return selection(conditions).order_by(*_directions(order, key, jobs.c.number))
    selections = [
        selection([*conditions, one_status(index)]).order_by(*_directions(order, key, jobs.c.number))
        for index in range(shape.filter.statuses)
    ]
    if len(selections) == 1:
        return selections[0]
    limited = (select(one.limit(_number(reach)).subquery()) for one in selections)
    merged = union_all(*limited).subquery("merged")
    return select(merged).order_by(*_directions(order, merged.c.key, merged.c.number))


def _sorted_matches(shape: ListShape, selection: Selection) -> Select[Any]:
    """Select all matching jobs first, as a materialized CTE that the planner cannot merge, then sort them."""
    if shape.filter.text:
        matches = text_matches(shape.filter)
        if shape.filter.text == SHORT:
            matches = matches.limit(_EVERY_HIT)
        hits = _materialized(matches, "hits")
        conditions = job_conditions(replace(shape.filter, text=NONE))
        statement = selection(conditions).join(hits, hits.c.job_id == jobs.c.id)
    else:
        statement = selection(job_conditions(shape.filter))
    matching = _materialized(statement, "matching")
    page_jobs = select(matching).where(*_start_conditions(shape, matching.c.key, matching.c.number))
    return page_jobs.order_by(*_directions(shape.order, matching.c.key, matching.c.number))


def _probed(shape: ListShape, selection: Selection) -> Select[Any]:
    """Select those of the next jobs of the index that contain the text."""
    scan = _index_scan(replace(shape, filter=replace(shape.filter, text=NONE)), selection)
    probed = scan.limit(PROBED_JOBS).subquery("probed")
    # Read each prompt by its key. OFFSET 0 keeps the planner from scanning all prompts or the index of trigrams.
    compared = (
        select(prompts.c.number)
        .where(prompts.c.number == probed.c.number, contains_text())
        .offset(0)
        .lateral("compared")
    )
    matches = select(probed).join(compared, true())
    return matches.order_by(*_directions(shape.order, probed.c.key, probed.c.number))


def _materialized(statement: Select[Any], name: str) -> Any:
    return statement.cte(name).prefix_with("MATERIALIZED", dialect="postgresql")


def _directions(
    order: SortOrder, key: ColumnElement[Any], number: ColumnElement[Any]
) -> list[ColumnElement[Any]]:
    return [column.desc() if order.descending else column.asc() for column in (key, number)]


def _sort_position(shape: ListShape, key: Any, number: Any) -> Any:
    """Return a position in the order: the value that it compares, and the number."""
    return number if _has_one_value(shape) else tuple_(key, number)


def _has_one_value(shape: ListShape) -> bool:
    """Return whether all jobs of the list have the same value: comparing it would scan the index from its start."""
    return shape.order.field is SortField.PRIORITY and shape.filter.priorities == ONE


def _position_parameter(shape: ListShape, name: str) -> Any:
    key = SORT_COLUMNS[shape.order.field]
    value, number = bindparam(f"{name}_value", type_=key.type), _number(f"{name}_number")
    return _sort_position(shape, value, number)


def _number(name: str) -> Any:
    return bindparam(name, type_=BigInteger())
