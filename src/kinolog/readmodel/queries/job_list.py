"""Pages of lists. Behind a cursor any page costs the same; behind an offset, adding up counters leads to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import select

from kinolog.ports.read_model import JobFilter, JobQuery, JobRowPage, SortField
from kinolog.readmodel.counter_cells import bounds_of
from kinolog.readmodel.queries import job_counts, list_pages
from kinolog.readmodel.queries.conditions import shape_of, values_of
from kinolog.readmodel.queries.cursors import CursorPosition, read_cursor, write_cursor
from kinolog.readmodel.queries.job_rows import job_from_row
from kinolog.readmodel.queries.list_pages import BEHIND, GATHER, GLANCE, GLANCE_JOBS, WITHIN, ListShape
from kinolog.readmodel.queries.statements import BoundQuery, PreparedQuery, Row, Snapshot
from kinolog.readmodel.tables import checkpoint

SHALLOW = 500
"""Offsets up to here are walked."""

GATHER_JOBS = 100_000
"""Jobs of a span of time are sorted in another order up to so many; of more, one of the next is likely to match."""

POSITION = PreparedQuery(select(checkpoint.c.position), steady=True)


async def position(snapshot: Snapshot) -> int:
    """Up to where the read model has seen the log."""
    return position_in(await POSITION.rows(snapshot))


def position_in(rows: list[Row]) -> int:
    """The answer to `POSITION`."""
    return int(rows[0][0]) if rows else 0


async def list_jobs(snapshot: Snapshot, tenant: str, query: JobQuery) -> JobRowPage:
    """A page of a list. Raises `BadCursor`."""
    return await JobListQuery(snapshot, tenant, query).page()


class JobListQuery:
    """One list of one tenant, asked for one page.

    What does not depend on each other is asked together: a page behind a cursor takes one way to the database and
    back, a page behind many others two.
    """

    def __init__(self, snapshot: Snapshot, tenant: str, query: JobQuery) -> None:
        self._snapshot = snapshot
        self._tenant = tenant
        self._query = query
        self._shape = ListShape(shape_of(query.filter), query.order)
        self._values = values_of(tenant, query.filter) | self._cut(query.offset)
        if query.cursor:
            mark = read_cursor(tenant, query.filter, query.order, query.cursor)
            self._begin_behind(mark)

    async def page(self) -> JobRowPage:
        """The page."""
        if self._shape.filter.text:
            return await self._with_text()
        first: list[BoundQuery] = [(POSITION, {}), job_counts.counted(self._tenant, self._query.filter)]
        if not (self._is_deep() or self._may_be_rare()):
            seen, counts, found = await self._snapshot.ask(*first, self._asked(), last=True)
            return self._answer(position_in(seen), counts, found)
        if self._may_be_rare():
            first.append(job_counts.counted(self._tenant, self._surroundings()))
        if self._is_deep():
            first.append(await self._located())
        seen, counts, *more = await self._snapshot.ask(*first)
        if self._may_be_rare() and self._is_rare(counts, more[0]):
            self._shape = replace(self._shape, how=GATHER)
        if self._is_deep():
            place = job_counts.place_in(more[-1])
            if place is None:
                return self._answer(position_in(seen), counts, [])
            self._begin_within(place)
        (found,) = await self._snapshot.ask(self._asked(), last=True)
        return self._answer(position_in(seen), counts, found)

    def _answer(self, seen: int, counts: list[Row] | None, found: list[Row]) -> JobRowPage:
        """From the rows of the page, and one more where there are more."""
        query = self._query
        total = None if counts is None else sum(job_counts.counts_in(counts).values())
        cursor = ""
        if len(found) > query.page_size:
            last = CursorPosition(*found[query.page_size - 1][-2:])
            cursor = write_cursor(self._tenant, query.filter, query.order, last)
        return JobRowPage(
            rows=tuple(map(job_from_row, found[: query.page_size])),
            next_cursor=cursor,
            total=total,
            position=seen,
        )

    def _asked(self) -> BoundQuery:
        return list_pages.page(self._shape), self._values

    async def _with_text(self) -> JobRowPage:
        """A common text turns up soon; a rare one is found by looking through all prompts once."""
        glance = list_pages.page(replace(self._shape, how=GLANCE)), self._values | {"reach": GLANCE_JOBS}
        seen, found = await self._snapshot.ask((POSITION, {}), glance)
        if len(found) <= self._query.page_size:
            self._shape = replace(self._shape, how=GATHER)
            (found,) = await self._snapshot.ask(self._asked(), last=True)
        return self._answer(position_in(seen), None, found)

    def _begin_behind(self, mark: CursorPosition) -> None:
        self._shape = replace(self._shape, marked=BEHIND)
        self._values |= {"mark_value": mark.value, "mark_number": mark.number}

    def _begin_within(self, place: job_counts.CellPosition) -> None:
        bounds = bounds_of(self._query.order.field, place.major, place.cell)
        lower, upper = bounds.lower, bounds.upper
        self._shape = replace(self._shape, marked=WITHIN, lower=lower is not None, upper=upper is not None)
        for name, bound in (("lower", lower), ("upper", upper)):
            if bound is not None:
                self._values |= {f"{name}_value": bound[0], f"{name}_number": bound[1]}
        self._values |= {"passed_over": place.skip, "passed_reach": place.skip + 1} | self._cut(0)

    def _cut(self, skip: int) -> dict[str, Any]:
        limit = self._query.page_size + 1
        return {"skip": skip, "limit": limit, "reach": skip + limit}

    def _is_deep(self) -> bool:
        """Whether the page is to be looked up in counters, which lead to any place of this list."""
        its = self._shape.filter
        if its.text or (its.dated and self._query.order.field is not SortField.CREATED_AT):
            return False
        return not self._query.cursor and self._query.offset > SHALLOW

    async def _located(self) -> BoundQuery:
        """Asks for the cell in which the page begins."""
        wanted, order = self._query.filter, self._query.order
        outside = job_counts.counted_outside(self._tenant, wanted, late=order.descending)
        passed_over = self._query.offset
        if outside is not None:
            (counts,) = await self._snapshot.ask(outside)
            passed_over += sum(job_counts.counts_in(counts).values())
        return job_counts.located(self._tenant, wanted, order, passed_over)

    def _may_be_rare(self) -> bool:
        its = self._shape.filter
        return bool(its.urgencies or its.models or its.styles) or self._is_dated_otherwise()

    def _is_dated_otherwise(self) -> bool:
        return self._shape.filter.dated and self._query.order.field is not SortField.CREATED_AT

    def _surroundings(self) -> JobFilter:
        """The jobs of the filter's dates, of whatever kind."""
        wanted = self._query.filter
        return JobFilter(created_from=wanted.created_from, created_before=wanted.created_before)

    def _is_rare(self, counts: list[Row], around: list[Row]) -> bool:
        """Whether gathering all that match and sorting them is cheaper than looking out for them along the order."""
        total, among = (sum(job_counts.counts_in(rows).values()) for rows in (counts, around))
        if self._is_dated_otherwise():
            return among <= GATHER_JOBS
        return total * total < (self._query.page_size + 1) * among
