"""Times, durations, sizes, counts and statuses as text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.cells import cell_len, set_cell_size

from kinolog.durations import age_text, length_text
from kinolog_client import JobInfo

SYMBOLS = {"queued": "○", "processing": "◐", "completed": "●", "failed": "✖", "cancelled": "⊘"}
"""A symbol for each status, so that no meaning depends on colour alone."""
COLOURS = {
    "queued": "warning",
    "processing": "primary",
    "completed": "success",
    "failed": "error",
    "cancelled": "secondary",
}
"""The theme's colour of each status."""
PRIORITY_MARKS = {"critical": "▲▲", "high": "▲", "medium": "·", "low": "▽"}
SPAN_WORDS = {
    "all_time": "all time",
    "today": "today",
    "this_week": "this week",
    "this_month": "this month",
    "last_hour": "last hour",
    "last_24_hours": "24 hours",
    "last_7_days": "7 days",
    "last_30_days": "30 days",
}


SHORT_ID = 8
"""Characters of a shortened id: enough to tell the jobs of a list apart."""


def short_id(job_id: str) -> str:
    """Return the first characters of an id."""
    return job_id[:SHORT_ID]


def ago(time: datetime | None, now: datetime) -> str:
    """Format the time since, such as `3 min`; empty for None."""
    return "" if time is None else age_text((now - time).total_seconds())


def span(seconds: float | None) -> str:
    """Format a duration, such as `4.2 s`, `1:05` or `2:00:05`; a dash for None."""
    return "–" if seconds is None else length_text(seconds)


def bucket_length(seconds: int) -> str:
    """Format the length of a time bucket, such as `15 min`, `6 h` or `1 d`."""
    for length, unit in ((86_400, "d"), (3_600, "h")):
        if seconds >= length:
            return f"{seconds / length:g} {unit}"
    return f"{seconds / 60:g} min"


def size(number: int) -> str:
    """Format a number of bytes, such as `1.4 GB`."""
    amount = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def count(number: int) -> str:
    """Format a count, such as `9,312` or `1.20 M`."""
    return f"{number:,}" if number < 1_000_000 else f"{number / 1_000_000:.2f} M"


def time_of_day(time: datetime | None) -> str:
    """Format the time of day in the local time zone; empty for None."""
    return time.astimezone().strftime("%H:%M:%S") if time is not None else ""


def moment(time: datetime | None) -> str:
    """Format a date and time in the local time zone; a dash for None."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S") if time is not None else "–"


def pause_text(job: JobInfo) -> str:
    """Return what a pause makes of a job: `paused`, or `pausing` until its attempt has ended. Empty for no pause."""
    if job.paused_at is None:
        return ""
    return "pausing" if job.status == "processing" else "paused"


def start_time(job: JobInfo, now: datetime) -> str:
    """Format when a job that waits for a time starts, such as `22:00` or `24 Dec 22:00`; empty if it waits for none."""
    if job.status != "queued" or job.not_before is None or job.not_before <= now:
        return ""
    starts, today = job.not_before.astimezone(), now.astimezone().date()
    return starts.strftime("%H:%M" if starts.date() == today else "%d %b %H:%M")


def bar(percent: float, width: int) -> str:
    """Return a bar of `width` cells, filled to an eighth of a cell."""
    eighths = round(max(0.0, min(100.0, percent)) / 100 * width * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")).ljust(width, "░")[:width]


def shortened(words: str, cells: int) -> str:
    """Return a text on one line of at most `cells` cells, with an ellipsis if some of it is left out."""
    line = " ".join(words.split())
    return line if cell_len(line) <= cells else set_cell_size(line, cells - 1).rstrip() + "…"


def short_path(path: Path) -> str:
    """Return a path as people write it: with `~` for the home folder."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):  # elsewhere, or there is no home folder
        return str(path)


def plain(word: str) -> str:
    """Return a name of the gateway as people write it: `encode prompt` for `encode_prompt`."""
    return word.replace("_", " ")


def event_label(name: str, data: Mapping[str, Any]) -> str:
    """Return the name of an event as people write it, with its stage and scene."""
    stage = data.get("stage")
    scene = data.get("scene")
    words = f"{plain(str(stage))} {name.removeprefix('stage_')}" if stage else plain(name)
    return f"{words} {scene + 1}" if isinstance(scene, int) and stage else words
