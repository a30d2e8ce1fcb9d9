"""The table of jobs: one page of rows, patched cell by cell while jobs move on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable

from kinolog_tui import clock
from kinolog_tui.client.live_messages import Moved
from kinolog_tui.client.models import Job
from kinolog_tui.widgets.palette import status_style, style
from kinolog_tui.words import PRIORITY_MARKS, SYMBOLS, ago, bar, plain, span

BAR_CELLS = 8


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: its name, its width, and from how many columns of terminal it is there."""

    name: str
    width: int
    from_columns: int = 0


HEADINGS = (
    Heading("", 1),
    Heading("status", 12),
    Heading("prio", 10, 70),
    Heading("progress", 13),
    Heading("stage", 13, 105),
    Heading("age", 6, 60),
    Heading("ran", 7, 120),
    Heading("model", 14, 125),
    Heading("job", 8),
)
MARK = "✓"
GAP = 2


class JobTable(DataTable[Text]):
    """Jobs, one per row. `marked` are the ids that bulk actions take."""

    class PageWanted(Message):
        """The cursor wants to leave the page: `step` is 1 for the next, -1 for the one before."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
        Binding("g,home", "scroll_top", "First", show=False),
        Binding("G,end", "scroll_bottom", "Last", show=False),
        Binding("ctrl+d", "page_down", "Half down", show=False),
        Binding("ctrl+u", "page_up", "Half up", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(cursor_type="row", zebra_stripes=True)
        self.marked: set[str] = set()
        self._jobs: dict[str, Job] = {}
        self._columns: tuple[str, ...] = ()

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs of the page, in order."""
        return tuple(self._jobs.values())

    @property
    def current(self) -> Job | None:
        """The job under the cursor."""
        rows = self.jobs
        return rows[self.cursor_row] if 0 <= self.cursor_row < len(rows) else None

    def show(self, jobs: Sequence[Job]) -> None:
        """Show this page. The cursor stays on its job where it is still there, else on its row."""
        at, row = self.current, self.cursor_row
        same = self._lay_out() and [job.job_id for job in jobs] == list(self._jobs)
        before, self._jobs = self._jobs, {job.job_id: job for job in jobs}
        if same:
            for job in jobs:
                if before[job.job_id] != job:
                    self._draw(job)
            return
        self.clear()
        now = clock.now()
        for job in jobs:
            self.add_row(*self._cells(job, now), key=job.job_id)
        keys = list(self._jobs)
        wanted = keys.index(at.job_id) if at is not None and at.job_id in self._jobs else row
        self.move_cursor(row=min(wanted, len(keys) - 1), animate=False)

    def patch(self, job_id: str, moved: Moved) -> bool:
        """Bring a job of this page to what the feed told; False when it is not on the page."""
        job = self._jobs.get(job_id)
        if job is None:
            return False
        facts = {
            name: getattr(moved, name)
            for name in ("status", "percent", "stage", "scene", "attempt", "worker", "eta_seconds")
        }
        self._jobs[job_id] = moved.job if moved.job is not None else job.model_copy(update=facts)
        if self._jobs[job_id] != job:
            self._draw(self._jobs[job_id])
        return True

    def toggle(self, job_id: str) -> None:
        """Mark a job, or take its mark away."""
        self.marked ^= {job_id}
        if job_id in self._jobs:
            self._draw(self._jobs[job_id])

    def mark_page(self) -> None:
        """Mark all of the page; take the marks away when all are marked."""
        ids = set(self._jobs)
        self.marked = self.marked - ids if ids <= self.marked else self.marked | ids
        self.redraw()

    def redraw(self) -> None:
        """Draw every row anew: ages, colours and marks may have changed."""
        for job in self.jobs:
            self._draw(job)

    def relaid(self) -> None:
        """Fit the columns to the width of the screen."""
        jobs = self.jobs
        if not self._lay_out():
            self._jobs = {}
            self.show(jobs)

    def action_cursor_down(self) -> None:
        """Down; off the last row, to the next page."""
        if self.row_count and self.cursor_row == self.row_count - 1:
            self.post_message(self.PageWanted(1))
        else:
            super().action_cursor_down()

    def action_cursor_up(self) -> None:
        """Up; off the first row, to the page before."""
        if self.row_count and self.cursor_row == 0:
            self.post_message(self.PageWanted(-1))
        else:
            super().action_cursor_up()

    def _lay_out(self) -> bool:
        """Make the columns that fit; False when they had to change."""
        room = self.app.size.width
        wanted = [heading for heading in HEADINGS if room >= heading.from_columns]
        left = room - sum(heading.width + GAP for heading in wanted) - GAP - 2
        columns = (*(heading.name for heading in wanted), f"prompt {left}")
        if columns == self._columns:
            return True
        self._columns = columns
        self.clear(columns=True)
        for heading in wanted:
            self.add_column(heading.name, key=heading.name or "mark", width=heading.width)
        self.add_column("prompt", key="prompt", width=max(8, left))
        return False

    def _draw(self, job: Job) -> None:
        now = clock.now()
        for key, cell in zip(self.columns, self._cells(job, now), strict=True):
            before = self.get_cell(job.job_id, key)
            if before != cell or before.style != cell.style:
                self.update_cell(job.job_id, key, cell)

    def _cells(self, job: Job, now: datetime) -> list[Text]:
        return [self._cell(str(key.value), job, now) for key in self.columns]

    def _cell(self, column: str, job: Job, now: datetime) -> Text:
        make: dict[str, Callable[[], Text]] = {
            "mark": lambda: Text(
                MARK if job.job_id in self.marked else " ", style=style(self.app, "accent", bold=True)
            ),
            "status": lambda: self._status(job),
            "prio": lambda: Text(f"{PRIORITY_MARKS[job.priority]:<2}{job.priority}"),
            "progress": lambda: self._progress(job),
            "stage": lambda: Text(plain(job.stage or "") if job.status == "processing" else ""),
            "age": lambda: Text(ago(job.created_at, now), style=style(self.app, "text-muted")),
            "ran": lambda: Text(_ran(job)),
            "model": lambda: Text(job.model, no_wrap=True, overflow="ellipsis"),
            "job": lambda: Text(job.job_id[:8], style=style(self.app, "text-muted")),
            "prompt": lambda: self._prompt(job),
        }
        return make[column]()

    def _status(self, job: Job) -> Text:
        word = "cancelling" if job.cancel_requested and not job.ended else job.status
        return Text(f"{SYMBOLS[job.status]} {word}", style=status_style(self.app, job.status))

    def _progress(self, job: Job) -> Text:
        text = Text(no_wrap=True)
        if job.status == "queued":
            waits = "" if job.queue_position is None else f"#{job.queue_position + 1} in line"
            return Text(waits, style=style(self.app, "text-muted"))
        text.append(bar(job.percent, BAR_CELLS), style=status_style(self.app, job.status))
        text.append(f" {job.percent:3.0f}%")
        return text

    def _prompt(self, job: Job) -> Text:
        words = " ".join((job.prompt or "(erased)").split())
        muted = style(self.app, "text-muted") if job.prompt is None else ""
        return Text(words, style=muted, no_wrap=True, overflow="ellipsis")


def _ran(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    return span((job.finished_at - job.started_at).total_seconds())
