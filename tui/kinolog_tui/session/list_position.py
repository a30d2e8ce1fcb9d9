"""Where somebody is in the list of jobs: which jobs, in which order, on which page. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from kinolog_client.requests import RANGES, SORTS, JobListFilter, JobListOrder


@dataclass(frozen=True, slots=True)
class ListPosition:
    """`cursors` lead to the pages up to this one; that of the first page is None."""

    which: JobListFilter = field(default_factory=JobListFilter)
    order: JobListOrder = field(default_factory=JobListOrder)
    cursors: tuple[str | None, ...] = (None,)

    @property
    def cursor(self) -> str | None:
        """What to ask this page with."""
        return self.cursors[-1]

    @property
    def page(self) -> int:
        """Its number, from 0."""
        return len(self.cursors) - 1

    @property
    def first_page(self) -> ListPosition:
        """The first page of the same jobs."""
        return replace(self, cursors=(None,))

    def with_filter(self, which: JobListFilter) -> ListPosition:
        """The first page of other jobs."""
        return ListPosition(which, self.order)

    def next_page(self, cursor: str) -> ListPosition:
        """The next page."""
        return replace(self, cursors=(*self.cursors, cursor))

    def previous_page(self) -> ListPosition:
        """The page before; the first one stays."""
        return replace(self, cursors=self.cursors[:-1] or (None,)) if self.page else self

    def with_next_sort(self) -> ListPosition:
        """By the next thing to sort by."""
        following = SORTS[(SORTS.index(self.order.sort) + 1) % len(SORTS)]
        return ListPosition(self.which, replace(self.order, sort=following))

    def with_reversed_order(self) -> ListPosition:
        """The other way round."""
        return ListPosition(self.which, replace(self.order, descending=not self.order.descending))

    def with_next_date_range(self) -> ListPosition:
        """Of the next span of time; days that were typed hold no longer."""
        following = RANGES[(RANGES.index(self.which.date_range) + 1) % len(RANGES)]
        return self.with_filter(replace(self.which, date_range=following, since="", until=""))
