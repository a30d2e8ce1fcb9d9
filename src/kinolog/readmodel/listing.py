"""Pages of lists. Behind a cursor any page costs the same; behind an offset, adding up counters leads to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import select

from kinolog.ports.read_model import JobPage, JobQuery, SortField
from kinolog.readmodel import counting, pages
from kinolog.readmodel.asking import Question, Row
from kinolog.readmodel.cells import bounds_of
from kinolog.readmodel.conditions import shape_of, values_of
from kinolog.readmodel.cursors import Mark, read_cursor, write_cursor
from kinolog.readmodel.database import Connection
from kinolog.readmodel.mapping import job_from_row
from kinolog.readmodel.pages import BEHIND, FROM, GATHER, GLANCE, GLANCE_JOBS, ListShape
from kinolog.readmodel.tables import checkpoint

SHALLOW = 500
"""Offsets up to here are walked."""

POSITION = Question(select(checkpoint.c.position))


async def position(connection: Connection) -> int:
    """Up to where the read model has seen the log."""
    return int(await POSITION.scalar(connection) or 0)


async def list_jobs(connection: Connection, tenant: str, query: JobQuery) -> JobPage:
    """A page of a list. Raises `BadCursor`."""
    return await Listing(connection, tenant, query).page()


class Listing:
    """One list of one tenant, asked for one page."""

    def __init__(self, connection: Connection, tenant: str, query: JobQuery) -> None:
        self._connection = connection
        self._tenant = tenant
        self._query = query
        self._shape = ListShape(shape_of(query.filter), query.order)
        self._values = values_of(tenant, query.filter)

    async def page(self) -> JobPage:
        """The page. Raises `BadCursor`."""
        query = self._query
        mark, marked, skip = None, "", query.offset
        if query.cursor:
            mark, marked = read_cursor(self._tenant, query.filter, query.order, query.cursor), BEHIND
        seen = await position(self._connection)
        total = await self._total()
        if total == 0 or (total is not None and query.offset >= total):
            return JobPage((), "", total, seen)
        if skip > SHALLOW and self._has_places():
            mark, marked, skip = await self._start_at(skip), FROM, 0
            if mark is None:
                return JobPage((), "", total, seen)
        found = await self._find(mark, marked, skip, total)
        shown = tuple(job_from_row(row) for row in found[: query.page_size])
        cursor = ""
        if len(found) > query.page_size:
            last = Mark(*found[query.page_size - 1][-2:])
            cursor = write_cursor(self._tenant, query.filter, query.order, last)
        return JobPage(shown, cursor, total, seen)

    async def _find(self, mark: Mark | None, marked: str, skip: int, total: int | None) -> list[Row]:
        """The rows of the page, and one more when there are more."""
        values = self._page_values(mark, skip)
        shape = replace(self._shape, marked=marked)
        if self._shape.filter.text:
            # A common text turns up soon; a rare one is found by looking through all prompts once.
            glanced = await self._glance(shape, values)
            if len(glanced) > self._query.page_size:
                return glanced
            shape = replace(shape, how=GATHER)
        elif await self._is_rare(total):
            shape = replace(shape, how=GATHER)
        return await pages.page(shape).rows(self._connection, values)

    async def _glance(self, shape: ListShape, values: dict[str, Any]) -> list[Row]:
        values = values | {"reach": GLANCE_JOBS}
        return await pages.page(replace(shape, how=GLANCE)).rows(self._connection, values)

    def _page_values(self, mark: Mark | None, skip: int) -> dict[str, Any]:
        limit = self._query.page_size + 1
        values = self._values | {"skip": skip, "limit": limit, "reach": skip + limit}
        if mark is not None:
            values |= {"mark_value": mark.value, "mark_number": mark.number}
        return values

    async def _total(self) -> int | None:
        if self._shape.filter.text:
            return None
        return sum((await counting.count(self._connection, self._tenant, self._query.filter)).values())

    def _has_places(self) -> bool:
        """Whether counters lead to any place of this list."""
        its = self._shape.filter
        return not its.text and (not its.dated or self._query.order.field is SortField.CREATED_AT)

    async def _start_at(self, offset: int) -> Mark | None:
        """The job that `offset` others come before; None when there are fewer."""
        wanted, order = self._query.filter, self._query.order
        offset += await counting.count_outside(self._connection, self._tenant, wanted, late=order.descending)
        place = await counting.locate(self._connection, self._tenant, wanted, order, offset)
        if place is None:
            return None
        bounds = bounds_of(order.field, place.major, place.cell)
        values = self._values | {"skip": place.skip, "reach": place.skip + 1}
        for name, bound in (("lower", bounds.lower), ("upper", bounds.upper)):
            if bound is not None:
                values |= {f"{name}_value": bound[0], f"{name}_number": bound[1]}
        shape = replace(self._shape, filter=self._shape.filter.of_kinds_only)
        question = pages.within_cell(shape, bounds.lower is not None, bounds.upper is not None)
        found = await question.rows(self._connection, values)
        return Mark(*found[0]) if found else None

    async def _is_rare(self, total: int | None) -> bool:
        """Whether gathering all that match and sorting them is cheaper than looking out for them along the order."""
        its = self._shape.filter
        narrowed = its.urgencies or its.models or its.styles
        dated = its.dated and self._query.order.field is not SortField.CREATED_AT
        if total is None or not (narrowed or dated):
            return False
        everything = await counting.count_tenant(self._connection, self._tenant)
        return total * total < (self._query.page_size + 1) * everything
