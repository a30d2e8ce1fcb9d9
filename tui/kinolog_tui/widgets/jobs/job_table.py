"""The table of jobs: one page of rows. Only changed lines are drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kinolog_client import JobInfo, JobState
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.session.job_list_filter import JobListOrder
from kinolog_tui.session.job_progress import job_after, with_known_progress
from kinolog_tui.text import clock
from kinolog_tui.widgets.jobs.job_row import PADDING, CellPart, Column, cell_parts, columns_for
from kinolog_tui.widgets.theme_styles import style

HEADER_ROWS = 1
HINT_LINE = 2
"""Line of the text that an empty table shows."""
COLUMN_SORTS = {
    "status": "status",
    "pri": "priority",
    "prio": "priority",
    "progress": "progress",
    "age": "created_at",
    "ran": "duration",
}
"""The order that a click on the name of a column requests."""


class JobTable(ScrollView, can_focus=True):
    """Jobs, one per row. `marked` are the ids that bulk actions take."""

    class PageRequested(Message):
        """The cursor moved beyond the page: `step` is 1 for the next page, -1 for the one before."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class JobSelected(Message):
        """The person opened a job."""

        def __init__(self, job_id: str) -> None:
            super().__init__()
            self.job_id = job_id

    class SortRequested(Message):
        """The person clicked the name of a column that jobs can be sorted by."""

        def __init__(self, sort: str) -> None:
            super().__init__()
            self.sort = sort

    class CursorMoved(Message):
        """Another job is under the cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--head", "table--even", "table--odd", "table--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.down", "cursor_down", "Down", show=False),
        key_binding("everywhere.arrow_down", "cursor_down", "Down", show=False),
        key_binding("everywhere.up", "cursor_up", "Up", show=False),
        key_binding("everywhere.arrow_up", "cursor_up", "Up", show=False),
        key_binding("everywhere.first", "scroll_top", "First", show=False),
        key_binding("everywhere.home", "scroll_top", "First", show=False),
        key_binding("everywhere.last", "scroll_bottom", "Last", show=False),
        key_binding("everywhere.end", "scroll_bottom", "Last", show=False),
        key_binding("jobs.half_down", "page_down", "Half down", show=False),
        key_binding("jobs.half_up", "page_up", "Half up", show=False),
        key_binding("everywhere.open", "open", "Open"),
    ]

    cursor_row: reactive[int] = reactive(0, repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self.marked: set[str] = set()
        self._jobs: dict[str, JobInfo] = {}
        self._ids: list[str] = []
        self._columns: tuple[Column, ...] = ()
        self._palette: dict[str, Style] = {}
        self._order = JobListOrder()
        self._hint = ""

    @property
    def jobs(self) -> tuple[JobInfo, ...]:
        """The jobs of the page, in order."""
        return tuple(self._jobs.values())

    @property
    def row_count(self) -> int:
        """Number of rows."""
        return len(self._ids)

    @property
    def current(self) -> JobInfo | None:
        """The job under the cursor."""
        return self._jobs[self._ids[self.cursor_row]] if self.cursor_row < len(self._ids) else None

    def show(self, jobs: Sequence[JobInfo]) -> None:
        """Show a page. The cursor stays on its job if the page still has it, else on its row."""
        at, before = self.current, self._jobs
        ids = [job.job_id for job in jobs]
        self._jobs = {job.job_id: with_known_progress(job, before.get(job.job_id)) for job in jobs}
        if ids == self._ids:
            for row, job in enumerate(jobs):
                if before[job.job_id] != self._jobs[job.job_id]:
                    self._refresh_row(row)
            return
        self._ids = ids
        self.lay_out()
        row = ids.index(at.job_id) if at is not None and at.job_id in self._jobs else self.cursor_row
        self.cursor_row = max(0, min(row, len(ids) - 1))
        self._reveal()

    def show_hint(self, words: str) -> None:
        """Show this text while there are no jobs."""
        self._hint = words
        if not self._ids:
            self.refresh()

    def patch(self, job_id: str, state: JobState) -> bool:
        """Apply a live update to a job of this page. Return False if it is not on the page."""
        job = self._jobs.get(job_id)
        if job is None:
            return False
        after = job_after(job, state)
        if after != job:
            self._jobs[job_id] = after
            self._refresh_row(self._ids.index(job_id))
        return True

    def toggle(self, job_id: str) -> None:
        """Mark a job, or remove its mark."""
        self.marked ^= {job_id}
        if job_id in self._jobs:
            self._refresh_row(self._ids.index(job_id))

    def mark_page(self) -> None:
        """Mark all jobs of the page. If all are marked, remove their marks."""
        ids = set(self._ids)
        self.marked = self.marked - ids if ids <= self.marked else self.marked | ids
        self.redraw()

    def redraw(self) -> None:
        """Draw every row again: ages, colours or marks changed."""
        self._palette.clear()
        self.refresh()

    def lay_out(self) -> None:
        """Fit the columns to the width, and the height to the rows."""
        room = self.outer_size.width or self.app.size.width
        self._columns = columns_for(room)
        width = sum(column.width + PADDING for column in self._columns)
        self.virtual_size = Size(min(width, room - 1), len(self._ids) + HEADER_ROWS)
        self.redraw()

    def on_resize(self) -> None:
        """Choose the columns that fit."""
        if self._ids:
            self.lay_out()

    def show_order(self, order: JobListOrder) -> None:
        """Mark the column that the list is sorted by."""
        if order != self._order:
            self._order = order
            self.refresh_line(0)

    def move_cursor(self, row: int) -> None:
        """Move the cursor to a row."""
        self.cursor_row = max(0, min(row, self.row_count - 1))

    def validate_cursor_row(self, row: int) -> int:
        """Clamp to 0."""
        return max(0, row)

    def watch_cursor_row(self, before: int, after: int) -> None:
        """Draw the old and the new row of the cursor, and scroll to the new one."""
        self._refresh_row(before)
        self._refresh_row(after)
        self._reveal()
        self.post_message(self.CursorMoved())

    def action_cursor_down(self) -> None:
        """Move down; from the last row to the next page."""
        if self.row_count and self.cursor_row == self.row_count - 1:
            self.post_message(self.PageRequested(1))
        else:
            self.move_cursor(self.cursor_row + 1)

    def action_cursor_up(self) -> None:
        """Move up; from the first row to the page before."""
        if self.row_count and self.cursor_row == 0:
            self.post_message(self.PageRequested(-1))
        else:
            self.move_cursor(self.cursor_row - 1)

    def action_scroll_top(self) -> None:
        """Move to the first row."""
        self.move_cursor(0)

    def action_scroll_bottom(self) -> None:
        """Move to the last row."""
        self.move_cursor(self.row_count - 1)

    def action_page_down(self) -> None:
        """Move half a screen down."""
        self.move_cursor(self.cursor_row + self._rows_in_view // 2)

    def action_page_up(self) -> None:
        """Move half a screen up."""
        self.move_cursor(self.cursor_row - self._rows_in_view // 2)

    def action_open(self) -> None:
        """Open the job under the cursor."""
        if self.current is not None:
            self.post_message(self.JobSelected(self.current.job_id))

    def on_click(self, event: Click) -> None:
        """Move the cursor to the row that was clicked. A click on the row of the cursor opens its job."""
        row = event.y - HEADER_ROWS + self.scroll_offset.y
        if event.y < HEADER_ROWS:
            self._sort_at(event.x)
            return
        if row >= self.row_count:
            return
        if row == self.cursor_row:
            self.action_open()
        else:
            self.move_cursor(row)

    def _sort_at(self, x: int) -> None:
        """Request the order of the column at `x`."""
        start = 0
        for column in self._columns:
            start += column.width + PADDING
            if x < start:
                if column.name in COLUMN_SORTS:
                    self.post_message(self.SortRequested(COLUMN_SORTS[column.name]))
                return

    @property
    def _rows_in_view(self) -> int:
        return max(1, self.size.height - HEADER_ROWS)

    def _reveal(self) -> None:
        """Scroll the cursor into view by as little as possible."""
        top, room = self.scroll_offset.y, self._rows_in_view
        if self.cursor_row < top:
            self.scroll_to(y=self.cursor_row, animate=False)
        elif self.cursor_row >= top + room:
            self.scroll_to(y=self.cursor_row - room + 1, animate=False)

    def _refresh_row(self, row: int) -> None:
        if self.scroll_offset.y <= row < self.scroll_offset.y + self._rows_in_view:
            self.refresh_line(row + HEADER_ROWS)

    def render_line(self, y: int) -> Strip:
        """Render the headings and the rows in view."""
        width = self.size.width
        if y < HEADER_ROWS:
            return self._headings(width)
        row = y - HEADER_ROWS + self.scroll_offset.y
        if row >= self.row_count:
            words = self._hint.center(width)[:width] if not self._ids and y == HINT_LINE else ""
            return Strip([Segment(words, self.rich_style)]).adjust_cell_length(width, self.rich_style)
        return self._row(row, width)

    def _headings(self, width: int) -> Strip:
        base = self.get_component_rich_style("table--head")
        words = "".join(f" {self._heading(column):<{column.width}} " for column in self._columns)
        return Strip([Segment(words, base)], len(words)).adjust_cell_length(width, base)

    def _heading(self, column: Column) -> str:
        """Return the name of a column, with an arrow if the list is sorted by it."""
        if COLUMN_SORTS.get(column.name) != self._order.sort:
            return column.name
        is_falling = self._order.descending != (column.name == "age")  # the newest job has the lowest age
        return f"{column.name[: column.width - 1]}{'↓' if is_falling else '↑'}"

    def _row(self, row: int, width: int) -> Strip:
        job = self._jobs[self._ids[row]]
        lit = row == self.cursor_row
        name = "cursor" if lit else ("odd" if row % 2 else "even")
        base = self.get_component_rich_style(f"table--{name}")
        now, marked = clock.now(), job.job_id in self.marked
        segments: list[Segment] = []
        for column in self._columns:
            content = cell_parts(column.name, job, marked, now)
            segments += self._cell(
                [(words, "") for words, _ in content] if lit else content, column.width, base
            )
        return Strip(segments).adjust_cell_length(width, base)

    def _cell(self, content: list[CellPart], width: int, base: Style) -> list[Segment]:
        """Return the texts cut or padded to the column, with a space on either side."""
        segments, left = [Segment(" ", base)], width
        for words, colour in content:
            long = cell_len(words)
            if long > left:
                words, long = set_cell_size(words, left - 1) + "…" if left > 1 else "", left
            if words:
                segments.append(Segment(words, base + self._style(colour) if colour else base))
            left -= long
        segments.append(Segment(" " * (left + 1), base))
        return segments

    def _style(self, colour: str) -> Style:
        if colour not in self._palette:
            self._palette[colour] = style(self.app, colour, bold=colour == "accent")
        return self._palette[colour]
