"""A position in the list of jobs: filter, sort order and page. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from kinolog_tui.session.job_list_filter import RANGES, SORTS, JobListFilter, JobListOrder


@dataclass(frozen=True, slots=True)
class ListPosition:
    """`cursors` has one cursor for each page up to this one; that of the first page is None."""

    job_filter: JobListFilter = field(default_factory=JobListFilter)
    order: JobListOrder = field(default_factory=JobListOrder)
    cursors: tuple[str | None, ...] = (None,)

    @property
    def cursor(self) -> str | None:
        """The cursor to request this page with."""
        return self.cursors[-1]

    @property
    def page(self) -> int:
        """Number of the page, from 0."""
        return len(self.cursors) - 1

    @property
    def first_page(self) -> ListPosition:
        """The first page of the same jobs."""
        return replace(self, cursors=(None,))

    def with_filter(self, job_filter: JobListFilter) -> ListPosition:
        """Return the first page of other jobs."""
        return ListPosition(job_filter, self.order)

    def next_page(self, cursor: str) -> ListPosition:
        """Return the next page."""
        return replace(self, cursors=(*self.cursors, cursor))

    def previous_page(self) -> ListPosition:
        """Return the page before; the first page returns itself."""
        return replace(self, cursors=self.cursors[:-1] or (None,)) if self.page else self

    def with_next_sort(self) -> ListPosition:
        """Return the first page, sorted by the next column."""
        next_value = SORTS[(SORTS.index(self.order.sort) + 1) % len(SORTS)]
        return ListPosition(self.job_filter, replace(self.order, sort=next_value))

    def sorted_by(self, sort: str) -> ListPosition:
        """Return the first page in this order; in the opposite direction if it is the order already."""
        if sort == self.order.sort:
            return self.with_reversed_order()
        return ListPosition(self.job_filter, JobListOrder(sort))

    def with_reversed_order(self) -> ListPosition:
        """Return the first page in the opposite order."""
        return ListPosition(self.job_filter, replace(self.order, descending=not self.order.descending))

    def with_next_date_range(self) -> ListPosition:
        """Return the first page of the next date range. It replaces days that were typed."""
        next_value = RANGES[(RANGES.index(self.job_filter.date_range) + 1) % len(RANGES)]
        return self.with_filter(replace(self.job_filter, date_range=next_value, since="", until=""))
