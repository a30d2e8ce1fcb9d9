"""The filter and the sort order of the job list. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kinolog_client import JobSelection, TimeSpan
from kinolog_tui.text.display_text import SPAN_WORDS, short_id
from kinolog_tui.text.local_days import end_of, start_of

RANGES = ("all_time", "today", "this_week", "this_month")
"""Spans of the job list, in the order of its key."""
LAST_HOUR = "last_hour"
CHART_RANGES = (LAST_HOUR, "last_24_hours", "last_7_days", "last_30_days")
SORTS = ("created_at", "updated_at", "progress", "duration", "priority", "status")
PAGE_SIZES = (25, 50, 100)


@dataclass(frozen=True, slots=True)
class JobListFilter:
    """Which jobs. An empty field narrows nothing."""

    statuses: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    date_range: str = "all_time"
    since: str = ""
    """First day or minute, as typed. With it, `date_range` does not apply."""
    until: str = ""
    """Last day or minute, as typed."""
    model: str = ""
    text: str = ""
    variant_of: str = ""
    """The first job of a request whose variants are listed."""

    def to_selection(self) -> JobSelection:
        """Return the filter with typed days as times."""
        span = TimeSpan(
            date_range=self.date_range if self.date_range != "all_time" else "",
            start=start_of(self.since) if self.since else None,
            end=end_of(self.until) if self.until else None,
        )
        return JobSelection(
            statuses=self.statuses,
            priorities=self.priorities,
            models=(self.model,) if self.model else (),
            text=self.text,
            span=span,
            variant_of=self.variant_of,
        )

    @property
    def span(self) -> str:
        """The span of time as a text."""
        if self.since or self.until:
            return " ".join(
                f"{word} {day}" for word, day in (("from", self.since), ("to", self.until)) if day
            )
        return SPAN_WORDS[self.date_range]

    @property
    def words(self) -> tuple[str, ...]:
        """What it narrows the list to, in words; empty if it leaves nothing out."""
        days = self.span if self.since or self.until or self.date_range != "all_time" else ""
        text = f"“{self.text}”" if self.text else ""
        words = (*self.statuses, *self.priorities, days, self.model, text, self.variant_words)
        return tuple(filter(None, words))

    @property
    def variant_words(self) -> str:
        """Of which job the variants are listed; empty for all jobs."""
        return f"variants of {short_id(self.variant_of)}" if self.variant_of else ""

    def toggled(self, status: str) -> JobListFilter:
        """Return the filter with this status alone, or with all of them if it was alone already."""
        return replace(self, statuses=() if self.statuses == (status,) else (status,))

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return self != JobListFilter()


@dataclass(frozen=True, slots=True)
class JobListOrder:
    """The order of the list."""

    sort: str = "created_at"
    descending: bool = True

    @property
    def direction(self) -> str:
        """The gateway's word for the direction."""
        return "desc" if self.descending else "asc"
