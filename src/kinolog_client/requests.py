"""What is asked of the gateway: which jobs, and which video."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from kinolog_tui.text.display_text import SPAN_WORDS
from kinolog_tui.text.local_days import end_of, start_of

RANGES = ("all_time", "today", "this_week", "this_month")
"""Spans of the job list, in the order in which a key goes through them."""
CHART_RANGES = ("last_24_hours", "last_7_days", "last_30_days")
SORTS = ("created_at", "updated_at", "progress", "duration", "priority")
PAGE_SIZES = (25, 50, 100)


@dataclass(frozen=True, slots=True)
class JobListFilter:
    """Which jobs. An empty field narrows nothing."""

    statuses: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    date_range: str = "all_time"
    since: str = ""
    """First day or minute, as it was typed; then `date_range` does not hold."""
    until: str = ""
    """Last day or minute, as it was typed."""
    model: str = ""
    text: str = ""

    def params(self) -> dict[str, str]:
        """The query of a list."""
        params = {
            "status": ",".join(self.statuses),
            "priority": ",".join(self.priorities),
            "date_range": self.date_range if self.date_range != "all_time" else "",
            "from": start_of(self.since).isoformat() if self.since else "",
            "to": end_of(self.until).isoformat() if self.until else "",
            "model": self.model,
            "text": self.text,
        }
        return {name: value for name, value in params.items() if value}

    @property
    def span(self) -> str:
        """From when to when, in words."""
        if self.since or self.until:
            return " ".join(
                f"{word} {day}" for word, day in (("from", self.since), ("to", self.until)) if day
            )
        return SPAN_WORDS[self.date_range]

    def toggled(self, status: str) -> JobListFilter:
        """The same with this status alone, or with all of them when it was alone already."""
        return replace(self, statuses=() if self.statuses == (status,) else (status,))

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return self != JobListFilter()


@dataclass(frozen=True, slots=True)
class JobListOrder:
    """The order of a list."""

    sort: str = "created_at"
    descending: bool = True

    def params(self) -> dict[str, str]:
        """The query of a list."""
        return {"sort": self.sort, "order": "desc" if self.descending else "asc"}


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """A video to make; None means the model's default."""

    prompt: str
    negative_prompt: str | None = None
    priority: str | None = None
    style: str | None = None
    model: str | None = None
    size: str | None = None
    duration: float | None = None
    steps: int | None = None
    seed: int | None = None
    guidance: float | None = None

    def body(self) -> dict[str, Any]:
        """The body of POST /mcp/generate, without what is left to the model."""
        fields = ((name, getattr(self, name)) for name in VideoRequest.__slots__)
        return {name: value for name, value in fields if value not in (None, "")}
