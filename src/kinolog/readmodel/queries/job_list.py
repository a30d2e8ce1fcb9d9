"""Pages of lists. After a cursor any page costs the same; at an offset, adding up counters leads to the page."""

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
from kinolog.readmodel.queries.list_pages import (
    AFTER_JOB,
    PROBE_TEXT,
    PROBED_JOBS,
    SORT_MATCHES,
    WITHIN_CELL,
    ListShape,
)
from kinolog.readmodel.queries.statements import BoundQuery, PreparedQuery, ResultRow, Snapshot
from kinolog.readmodel.tables import checkpoint

SHALLOW_OFFSET = 500
"""Offsets up to here are walked in an index."""

SORTED_JOBS = 100_000
"""Up to this many jobs of a span of time are sorted in another order. With more, an index scan soon finds a match."""

POSITION = PreparedQuery(select(checkpoint.c.position), generic_plan=True)


async def position(snapshot: Snapshot) -> int:
    """Return the last position of the log that the read model contains."""
    return position_in(await POSITION.rows(snapshot))


def position_in(rows: list[ResultRow]) -> int:
    """Return the position in the result of `POSITION`."""
    return int(rows[0][0]) if rows else 0


async def list_jobs(snapshot: Snapshot, tenant: str, query: JobQuery) -> JobRowPage:
    """Return a page of a list. Raises `InvalidCursor`."""
    return await JobListQuery(snapshot, tenant, query).page()


class JobListQuery:
    """One page of one list of one tenant.

    Independent queries share a round trip: a page after a cursor takes one, a page at a large offset two.
    """

    def __init__(self, snapshot: Snapshot, tenant: str, query: JobQuery) -> None:
        self._snapshot = snapshot
        self._tenant = tenant
        self._query = query
        self._shape = ListShape(shape_of(query.filter), query.order)
        self._values = values_of(tenant, query.filter) | self._limits(query.offset)
        if query.cursor:
            self._start_after(read_cursor(tenant, query.filter, query.order, query.cursor))

    async def page(self) -> JobRowPage:
        """Return the page."""
        if self._shape.filter.text:
            return await self._page_with_text()
        if self._query.filter.counted_one_by_one:
            return await self._page_uncounted()
        queries: list[BoundQuery] = [(POSITION, {}), job_counts.count_query(self._tenant, self._query.filter)]
        if not (self._is_deep() or self._may_be_rare()):
            position_rows, counts, rows = await self._snapshot.run(*queries, self._page_query(), last=True)
            return self._answer(position_in(position_rows), counts, rows)
        if self._may_be_rare():
            queries.append(job_counts.count_query(self._tenant, self._same_dates()))
        if self._is_deep():
            queries.append(await self._cell_query())
        position_rows, counts, *more = await self._snapshot.run(*queries)
        if self._may_be_rare() and self._is_rare(counts, more[0]):
            self._shape = replace(self._shape, method=SORT_MATCHES)
        if self._is_deep():
            cell_offset = job_counts.cell_in(more[-1])
            if cell_offset is None:
                return self._answer(position_in(position_rows), counts, [])
            self._start_within(cell_offset)
        (rows,) = await self._snapshot.run(self._page_query(), last=True)
        return self._answer(position_in(position_rows), counts, rows)

    def _answer(self, position: int, counts: list[ResultRow] | None, rows: list[ResultRow]) -> JobRowPage:
        """Make the page of its rows, which are one more where the list goes on."""
        query = self._query
        cursor = ""
        if len(rows) > query.page_size:
            last = list_pages.cursor_position(rows[query.page_size - 1])
            cursor = write_cursor(self._tenant, query.filter, query.order, last)
        return JobRowPage(
            rows=tuple(map(job_from_row, rows[: query.page_size])),
            next_cursor=cursor,
            total=None if counts is None else sum(job_counts.counts_in(counts).values()),
            position=position,
        )

    def _page_query(self) -> BoundQuery:
        return list_pages.page(self._shape), self._values

    async def _page_with_text(self) -> JobRowPage:
        """Probe the next jobs, which suffices for a text that many of them contain; else search all prompts once."""
        probe = (
            list_pages.page(replace(self._shape, method=PROBE_TEXT)),
            self._values | {"reach": PROBED_JOBS},
        )
        position_rows, rows = await self._snapshot.run((POSITION, {}), probe)
        if len(rows) <= self._query.page_size:
            shape = await job_counts.shape_by_frequency(self._snapshot, self._shape.filter, self._values)
            self._shape = replace(self._shape, filter=shape, method=SORT_MATCHES)
            (rows,) = await self._snapshot.run(self._page_query(), last=True)
        return self._answer(position_in(position_rows), None, rows)

    async def _page_uncounted(self) -> JobRowPage:
        """Sort the few variants of a request, which are counted one by one, or walk along an index."""
        queries: list[BoundQuery] = [(POSITION, {})]
        if self._shape.filter.variant_of:
            self._shape = replace(self._shape, method=SORT_MATCHES)
            queries.append((job_counts.count_each(self._shape.filter), self._values))
        position_rows, *counts, rows = await self._snapshot.run(*queries, self._page_query(), last=True)
        return self._answer(position_in(position_rows), counts[0] if counts else None, rows)

    def _start_after(self, after: CursorPosition) -> None:
        self._shape = replace(self._shape, start=AFTER_JOB)
        self._values |= {"after_value": after.value, "after_number": after.number}

    def _start_within(self, cell_offset: job_counts.CellOffset) -> None:
        bounds = bounds_of(self._query.order.field, cell_offset.cell)
        lower, upper = bounds.lower, bounds.upper
        self._shape = replace(
            self._shape, start=WITHIN_CELL, lower=lower is not None, upper=upper is not None
        )
        for name, bound in (("lower", lower), ("upper", upper)):
            if bound is not None:
                self._values |= {f"{name}_value": bound[0], f"{name}_number": bound[1]}
        self._values |= {
            "skipped": cell_offset.skip,
            "skipped_reach": cell_offset.skip + 1,
        } | self._limits(0)

    def _limits(self, skip: int) -> dict[str, Any]:
        limit = self._query.page_size + 1
        return {"skip": skip, "limit": limit, "reach": skip + limit}

    def _is_deep(self) -> bool:
        """Return whether to find the page by counters, which lead to any offset of this list."""
        shape = self._shape.filter
        if self._query.filter.counted_one_by_one or (
            shape.has_dates and self._query.order.field is not SortField.CREATED_AT
        ):
            return False
        return not self._query.cursor and self._query.offset > SHALLOW_OFFSET

    async def _cell_query(self) -> BoundQuery:
        """Return the query for the cell in which the page begins."""
        job_filter, order = self._query.filter, self._query.order
        outside = job_counts.count_outside_query(self._tenant, job_filter, late=order.descending)
        offset = self._query.offset
        if outside is not None:
            (counts,) = await self._snapshot.run(outside)
            offset += sum(job_counts.counts_in(counts).values())
        return job_counts.cell_query(self._tenant, job_filter, order, offset)

    def _may_be_rare(self) -> bool:
        shape = self._shape.filter
        return bool(shape.priorities or shape.models or shape.styles) or self._has_dates_in_other_order()

    def _has_dates_in_other_order(self) -> bool:
        return self._shape.filter.has_dates and self._query.order.field is not SortField.CREATED_AT

    def _same_dates(self) -> JobFilter:
        """Return the filter for all jobs of the filter's dates."""
        job_filter = self._query.filter
        return JobFilter(created_from=job_filter.created_from, created_before=job_filter.created_before)

    def _is_rare(self, counts: list[ResultRow], same_dates: list[ResultRow]) -> bool:
        """Return whether sorting all matching jobs is cheaper than an index scan in the order of the list."""
        matching, dated = (sum(job_counts.counts_in(rows).values()) for rows in (counts, same_dates))
        if self._has_dates_in_other_order():
            return dated <= SORTED_JOBS
        return matching * matching < (self._query.page_size + 1) * dated
