"""The base of the tabs of a job's page."""

from __future__ import annotations

from typing import ClassVar

from textual.events import DescendantFocus
from textual.widget import Widget
from textual.widgets import TabbedContent, TabPane

from kinolog_client import JobInfo
from kinolog_tui.screens.request_owner import RequestOwner


class JobTab(RequestOwner, TabPane):
    """A tab that starts its own requests and shows their answers. The page passes it the job and live updates."""

    LOAD_KEY: ClassVar[str] = ""
    """Key of the request that `load` starts."""

    def __init__(self, job_id: str, title: str, name: str, *children: Widget) -> None:
        super().__init__(title, *children, id=name)
        self.job_id = job_id
        self.job: JobInfo | None = None
        self._stale = False

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Do not have the focus open this tab, as Textual would: with quick keys it comes after another tab was opened,
        and the tabs would change without end."""
        event.prevent_default()

    @property
    def is_open(self) -> bool:
        """Whether this tab is the visible one."""
        tabs = self.query_ancestor(TabbedContent)
        return tabs.active == self.id

    def load(self) -> None:
        """Start the requests for what the tab shows."""

    def show_job(self, job: JobInfo) -> None:
        """Show the job as it is now."""
        self.job = job

    def show_open(self) -> None:
        """The tab became visible."""

    def redraw(self) -> None:
        """Draw again after the theme or a key changed."""

    def mark_stale(self) -> None:
        """A commit changed what the tab shows."""
        self._stale = True

    def load_if_stale(self) -> None:
        """Load again after a commit, unless a request is running."""
        if self._stale and not self.requesting(self.LOAD_KEY):
            self._stale = False
            self.load()
