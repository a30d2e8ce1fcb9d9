"""The columns of the job list and the contents of their cells: texts with their theme colours."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from kinolog_client import JobInfo
from kinolog_tui.text.display_text import (
    COLOURS,
    PRIORITY_MARKS,
    SYMBOLS,
    ago,
    bar,
    pause_text,
    plain,
    short_id,
    span,
    start_time,
)

BAR_CELLS = 8
MARK = "✓"
PADDING = 2
"""Cells around each column, one on either side."""

CellPart: TypeAlias = "tuple[str, str]"
"""A text and a theme colour; empty for the default colour."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its width in cells, and the range of terminal widths that have it."""

    name: str
    width: int
    from_columns: int = 0
    below_columns: int = sys.maxsize


COLUMNS = (
    Column("", 1),
    Column("status", 12),
    Column("pri", 3, 60, 100),
    Column("prio", 11, 100),
    Column("progress", 13),
    Column("stage", 13, 105),
    Column("age", 6, 60),
    Column("ran", 7, 120),
    Column("model", 14, 125),
    Column("job", 8),
)
LEAST_PROMPT = 8


def columns_for(width: int) -> tuple[Column, ...]:
    """Return the columns for a terminal of this width. The prompt takes the remaining cells."""
    there = [column for column in COLUMNS if column.from_columns <= width < column.below_columns]
    left = width - sum(column.width + PADDING for column in there) - PADDING - 2
    return (*there, Column("prompt", max(LEAST_PROMPT, left)))


def cell_parts(column: str, job: JobInfo, marked: bool, now: datetime) -> list[CellPart]:
    """Return the contents of a cell."""
    return _CELLS[column](job, marked, now)


def _status(job: JobInfo, _: bool, __: datetime) -> list[CellPart]:
    word = "cancelling" if job.cancel_requested and not job.ended else pause_text(job) or job.status
    return [(f"{SYMBOLS[job.status]} {word}", COLOURS[job.status])]


def _progress(job: JobInfo, _: bool, now: datetime) -> list[CellPart]:
    if starts := start_time(job, now):
        return [(starts if len(starts) > len("22:00") else f"starts {starts}", "text-muted")]
    if job.status == "queued" and job.paused_at is None:
        return [("" if job.queue_position is None else f"#{job.queue_position + 1} in line", "text-muted")]
    return [(bar(job.percent, BAR_CELLS), COLOURS[job.status]), (f" {job.percent:3.0f}%", "")]


def _prompt(job: JobInfo, _: bool, __: datetime) -> list[CellPart]:
    prompt = (" ".join((job.prompt or "(erased)").split()), "text-muted" if job.prompt is None else "")
    return [prompt] if job.variant is None else [(f"v{job.variant} ", "text-muted"), prompt]


def _ran(job: JobInfo, _: bool, __: datetime) -> list[CellPart]:
    return [] if job.run_seconds is None else [(span(job.run_seconds), "")]


_CELLS: dict[str, Callable[[JobInfo, bool, datetime], list[CellPart]]] = {
    "": lambda _, marked, __: [(MARK if marked else " ", "accent")],
    "status": _status,
    "pri": lambda job, _, __: [(f" {PRIORITY_MARKS[job.priority]}", "")],
    "prio": lambda job, _, __: [(f"{PRIORITY_MARKS[job.priority]:<3}{job.priority}", "")],
    "progress": _progress,
    "stage": lambda job, _, __: [(plain(job.stage or "") if job.status == "processing" else "", "")],
    "age": lambda job, _, now: [(ago(job.created_at, now), "text-muted")],
    "ran": _ran,
    "model": lambda job, _, __: [(job.model, "")],
    "job": lambda job, _, __: [(short_id(job.job_id), "text-muted")],
    "prompt": _prompt,
}
