"""The base of the tabs of a job's page."""

from __future__ import annotations

from typing import ClassVar

from textual.widget import Widget

from kinolog_client import JobInfo
from kinolog_tui.screens.page_tab import PageTab


class JobTab(PageTab):
    """A tab that the page passes the job and live updates."""

    LOAD_KEY: ClassVar[str] = ""
    """Key of the request that `load` starts."""

    def __init__(self, job_id: str, title: str, name: str, *children: Widget) -> None:
        super().__init__(title, *children, id=name)
        self.job_id = job_id
        self.job: JobInfo | None = None
        self._stale = False

    def show_job(self, job: JobInfo) -> None:
        """Show the job as it is now."""
        self.job = job

    def mark_stale(self) -> None:
        """A commit changed what the tab shows."""
        self._stale = True

    def load_if_stale(self) -> None:
        """Load again after a commit, unless a request is running."""
        if self._stale and not self.requesting(self.LOAD_KEY):
            self._stale = False
            self.load()
