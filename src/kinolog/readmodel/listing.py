"""Pages of lists. Behind a cursor any page costs the same; behind an offset, adding up counters leads to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_, union_all
from sqlalchemy.sql.expression import Subquery

from kinolog.job.values import Status
from kinolog.ports.read_model import JobFilter, JobPage, JobQuery, Order, SortField
from kinolog.readmodel import counting
from kinolog.readmodel.asking import rows, scalar
from kinolog.readmodel.cells import bounds_of
from kinolog.readmodel.conditions import Condition, of_jobs, text_condition, wants_every_status
from kinolog.readmodel.cursors import Mark, read_cursor, write_cursor
from kinolog.readmodel.database import Connection
from kinolog.readmodel.mapping import JOB_COLUMNS, job_from_row
from kinolog.readmodel.tables import checkpoint, jobs, prompts

SHALLOW = 500
"""Offsets up to here are walked."""

RARE_TEXT = 5_000
"""A text found in fewer prompts than this is looked up first; one found in more turns up soon along the order."""

SORT_COLUMNS: dict[SortField, ColumnElement[Any]] = {
    SortField.CREATED_AT: jobs.c.created_at,
    SortField.UPDATED_AT: jobs.c.updated_at,
    SortField.PROGRESS: jobs.c.percent,
    SortField.DURATION: jobs.c.duration_us,
    SortField.PRIORITY: jobs.c.urgency,
}


class Listing:
    """One list of one tenant, asked for one page."""

    def __init__(self, connection: Connection, tenant: str, query: JobQuery) -> None:
        self._connection = connection
        self._tenant = tenant
        self._query = query
        self._wanted: JobFilter = query.filter
        self._order: Order = query.order
        self._key = SORT_COLUMNS[query.order.field]

    async def page(self) -> JobPage:
        """The page. Raises `BadCursor`."""
        query = self._query
        mark = None
        if query.cursor:
            mark = read_cursor(self._tenant, self._wanted, self._order, query.cursor)
        position = await scalar(self._connection, select(checkpoint.c.position)) or 0
        total = await self._total()
        if total == 0 or (total is not None and query.offset >= total):
            return JobPage((), "", total, position)
        skip, start = query.offset, None
        if skip > SHALLOW and self._has_places():
            start = await self._start_at(skip)
            if start is None:
                return JobPage((), "", total, position)
            skip = 0
        gathered = await self._is_rare(total)
        statement = self._select(mark, start, skip, gathered)
        found = await rows(self._connection, statement)
        shown = tuple(job_from_row(row) for row in found[: query.page_size])
        cursor = ""
        if len(found) > query.page_size:
            last = found[query.page_size - 1]
            cursor = write_cursor(self._tenant, self._wanted, self._order, Mark(last[-2], last[-1]))
        return JobPage(shown, cursor, total, position)

    async def _total(self) -> int | None:
        if self._wanted.text:
            return None
        return sum((await counting.count(self._connection, self._tenant, self._wanted)).values())

    def _has_places(self) -> bool:
        """Whether counters lead to any place of this list."""
        dated = self._wanted.created_from is not None or self._wanted.created_before is not None
        return not self._wanted.text and (not dated or self._order.field is SortField.CREATED_AT)

    async def _start_at(self, offset: int) -> Mark | None:
        """The job that `offset` others come before; None when there are fewer."""
        offset += await counting.count_outside(
            self._connection, self._tenant, self._wanted, late=self._order.descending
        )
        place = await counting.locate(self._connection, self._tenant, self._wanted, self._order, offset)
        if place is None:
            return None
        bounds = bounds_of(self._order.field, place.major, place.cell)
        here = tuple_(self._key, jobs.c.number)
        conditions: list[Condition] = []
        if bounds.lower is not None:
            conditions.append(here >= self._tuple(Mark(*bounds.lower)))
        if bounds.upper is not None:
            conditions.append(here < self._tuple(Mark(*bounds.upper)))
        statement = self._ordered(
            lambda status: select(self._key.label("key"), jobs.c.number).where(
                *self._conditions(status, dated=False), *conditions
            ),
            limit=place.skip + 1,
        )
        found = await rows(self._connection, statement.offset(place.skip).limit(1))
        return Mark(found[0][0], found[0][1]) if found else None

    async def _is_rare(self, total: int | None) -> bool:
        """Whether it is cheaper to gather all that match and sort them than to walk the order and look out for them."""
        if self._wanted.text:
            limited = (
                select(prompts.c.job_id)
                .where(prompts.c.tenant == self._tenant, text_condition(self._wanted.text))
                .limit(RARE_TEXT)
            )
            hits = await scalar(self._connection, select(func.count()).select_from(limited.subquery()))
            return bool(hits < RARE_TEXT)
        narrowed = bool(self._wanted.priorities or self._wanted.models or self._wanted.styles)
        dated = self._wanted.created_from is not None or self._wanted.created_before is not None
        if total is None or not (narrowed or (dated and self._order.field is not SortField.CREATED_AT)):
            return False
        everything = await counting.count_tenant(self._connection, self._tenant)
        return total * total < (self._query.page_size + 1) * everything

    def _select(self, mark: Mark | None, start: Mark | None, skip: int, gathered: bool) -> Select[Any]:
        here = tuple_(self._key, jobs.c.number)
        conditions: list[Condition] = []
        if mark is not None:
            there = self._tuple(mark)
            conditions.append(here < there if self._order.descending else here > there)
        if start is not None:
            there = self._tuple(start)
            conditions.append(here <= there if self._order.descending else here >= there)
        limit = self._query.page_size + 1
        if gathered:
            page = self._gathered(conditions, skip, limit)
        else:
            page = (
                self._ordered(
                    lambda status: select(*JOB_COLUMNS, self._key.label("key"), jobs.c.number).where(
                        *self._conditions(status), *conditions
                    ),
                    limit=skip + limit,
                )
                .offset(skip)
                .limit(limit)
                .subquery("page")
            )
        return self._with_prompts(page)

    def _gathered(self, conditions: list[Condition], skip: int, limit: int) -> Subquery:
        """All that match first, fenced off from the planner, then sorted."""
        wanted = self._wanted
        statement = select(*JOB_COLUMNS, self._key.label("key"), jobs.c.number)
        if wanted.text:
            hits = (
                select(prompts.c.job_id)
                .where(prompts.c.tenant == self._tenant, text_condition(wanted.text))
                .cte("hits")
                .prefix_with("MATERIALIZED", dialect="postgresql")
            )
            statement = statement.join(hits, hits.c.job_id == jobs.c.id)
            wanted = replace(wanted, text="")
        found = (
            statement.where(*of_jobs(self._tenant, wanted), *conditions)
            .cte("found")
            .prefix_with("MATERIALIZED", dialect="postgresql")
        )
        return select(found).order_by(*self._directions(found)).offset(skip).limit(limit).subquery("page")

    def _conditions(self, status: Status | None, *, dated: bool = True) -> list[Condition]:
        wanted = self._wanted if dated else replace(self._wanted, created_from=None, created_before=None)
        conditions = of_jobs(self._tenant, wanted, statuses=False)
        return conditions if status is None else [*conditions, jobs.c.status == status.value]

    def _ordered(self, part: Any, limit: int) -> Select[Any]:
        """Jobs along an index: of all statuses, of one, or of several merged."""
        if wants_every_status(self._wanted):
            statement: Select[Any] = part(None)
            return statement.order_by(*self._directions(None))
        parts = [
            part(status).order_by(*self._directions(None)).limit(limit)
            for status in dict.fromkeys(self._wanted.statuses)
        ]
        if len(parts) == 1:
            only: Select[Any] = parts[0]
            return only
        merged = union_all(*(select(one.subquery()) for one in parts)).subquery("merged")
        return select(merged).order_by(*self._directions(merged))

    def _directions(self, source: Any) -> list[ColumnElement[Any]]:
        columns = [self._key, jobs.c.number] if source is None else [source.c.key, source.c.number]
        return [column.desc() if self._order.descending else column.asc() for column in columns]

    def _with_prompts(self, page: Subquery) -> Select[Any]:
        columns = [page.c[column.name] for column in JOB_COLUMNS]
        return (
            select(*columns, prompts.c.prompt, prompts.c.negative_prompt, page.c.key, page.c.number)
            .select_from(page.outerjoin(prompts, prompts.c.job_id == page.c.id))
            .order_by(*self._directions(page))
        )

    def _tuple(self, mark: Mark) -> Any:
        return tuple_(literal(mark.value, self._key.type), literal(mark.number, jobs.c.number.type))
