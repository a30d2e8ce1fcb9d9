"""The progress of a job: its stages and its facts."""

from __future__ import annotations

from textual.containers import Horizontal

from kinolog_client import JobInfo
from kinolog_tui.screens.job.job_tab import JobTab
from kinolog_tui.widgets.job.job_details import JobFacts, StageList
from kinolog_tui.widgets.scroll_area import ScrollArea


class ProgressTab(JobTab):
    """Stages beside facts. The page's own request for the job is all that it needs."""

    def __init__(self, job_id: str) -> None:
        self._stages, self._facts = StageList(), JobFacts()
        self._scroll = ScrollArea(self._facts)
        super().__init__(job_id, "Progress", "progress", Horizontal(self._stages, self._scroll))

    def show_open(self) -> None:
        """Focus the facts, which may be longer than the screen."""
        self._scroll.focus()

    def show_job(self, job: JobInfo) -> None:
        """Show its stages and facts."""
        super().show_job(job)
        self._stages.show(job)
        self._facts.show(job)
