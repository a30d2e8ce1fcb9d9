"""The log of a job, which can be searched."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual.widgets import Input

from kinolog_client import JobInfo, LogLineInfo, LogPageInfo
from kinolog_tui.screens.job.job_tab import JobTab
from kinolog_tui.session.messages import RequestAnswered
from kinolog_tui.widgets.job.log_lines import LAST_LINES, LogLines
from kinolog_tui.widgets.search_field import SearchField

ALL_LINES = 1_000


class LogTab(JobTab):
    """The search field above the lines."""

    LOAD_KEY = "logs"

    def __init__(self, job_id: str) -> None:
        self._search = SearchField(placeholder="text in a line", id="search")
        self._lines = LogLines()
        self._is_known = False
        """Whether the lines so far were loaded."""
        super().__init__(job_id, "Log", "log", self._search, self._lines)

    @property
    def last_sequence(self) -> int:
        """Sequence of the last known line; 0 before the first."""
        return self._lines.last

    def on_mount(self) -> None:
        """Hide the search field until a search starts."""
        self._search.display = False

    def show_job(self, job: JobInfo) -> None:
        """Say of an empty log whether lines may come."""
        super().show_job(job)
        self._explain_empty()

    def _explain_empty(self) -> None:
        if not self._is_known:
            self._lines.explain_empty("…")
        elif self.job is not None and self.job.ended:
            self._lines.explain_empty("The job ended without a line.")
        else:
            self._lines.explain_empty("No lines yet.")

    def load(self) -> None:
        """Request the last lines, or those after the last known one."""
        last = self.last_sequence
        limit, after = (ALL_LINES, last) if last else (LAST_LINES, None)
        self.request(self.LOAD_KEY, partial(self.kinolog.client.logs, self.job_id, limit=limit, after=after))

    def add_lines(self, lines: Sequence[LogLineInfo]) -> None:
        """Show lines of the live feed."""
        self._lines.add(lines)

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show lines."""
        match message.value:
            case LogPageInfo(entries=entries):
                self._is_known = True
                self._explain_empty()
                self._lines.add(entries)

    def show_open(self) -> None:
        """Focus the lines."""
        self._lines.focus()

    def redraw(self) -> None:
        """Draw the lines with the current colours and keys."""
        self._lines.redraw()

    def open_search(self) -> None:
        """Show and focus the search field."""
        self._search.display = True
        self.call_after_refresh(self._search.focus)

    def close_search(self) -> bool:
        """Hide the search field and show all lines. Return False if it was hidden already."""
        if not self._search.display:
            return False
        self._search.display = False
        self._lines.set_filter("")
        self._lines.focus()
        return True

    def toggle_all_lines(self) -> None:
        """Show all lines, or only the last ones."""
        self._lines.show_all(not self._lines.expanded)
        if self._lines.expanded:
            self.request(
                self.LOAD_KEY, partial(self.kinolog.client.logs, self.job_id, limit=ALL_LINES, after=0)
            )

    def on_input_changed(self, message: Input.Changed) -> None:
        """Filter while the person types."""
        self._lines.set_filter(message.value)

    def on_search_field_left(self) -> None:
        """Show all lines again."""
        self.close_search()

    def on_input_submitted(self) -> None:
        """Keep the filter and focus the lines."""
        self._lines.focus()
