"""The progress of a job: its stages and its facts."""

from __future__ import annotations

from functools import partial

from textual.containers import Horizontal

from kinolog_client import EventInfo, HistoryInfo, JobInfo
from kinolog_tui.screens.job.job_tab import JobTab
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.widgets.job.job_details import JobFacts, StageList
from kinolog_tui.widgets.scroll_area import ScrollArea

CANCEL = "cancel_requested"
"""The event that says who cancelled a job, and why."""


class ProgressTab(JobTab):
    """Stages beside facts. The page's own request has all but the reason of a cancel, which is in the history."""

    LOAD_KEY = "cancel"

    def __init__(self, job_id: str) -> None:
        self._stages, self._facts = StageList(), JobFacts()
        self._scroll = ScrollArea(self._facts)
        self._cancelled = ""
        """Who cancelled the job, and why."""
        self._read_version = 0
        """Version of the job whose history was requested."""
        super().__init__(job_id, "Progress", "progress", Horizontal(self._stages, self._scroll))

    def load(self) -> None:
        """Have the history requested again once the job is there."""
        self._read_version = 0

    def show_open(self) -> None:
        """Focus the facts, which may be longer than the screen."""
        self._scroll.focus()

    def show_job(self, job: JobInfo) -> None:
        """Show its stages and facts. The reason of a cancel follows."""
        super().show_job(job)
        if not job.cancel_requested:
            self._cancelled = ""
        elif job.version > self._read_version:
            self._read_version = job.version
            self.request(self.LOAD_KEY, partial(self.kinolog.client.history, self.job_id))
        self._stages.show(job)
        self._facts.show(job, self._cancelled)

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show who cancelled the job last, and why."""
        match message.value:
            case HistoryInfo(commits=commits):
                events = [event for commit in commits for event in commit.events if event.type == CANCEL]
                self._cancelled = _cancel_words(events[-1]) if events else ""
                if self.job is not None:
                    self.show_job(self.job)

    def on_request_failed(self, message: RequestFailed) -> None:
        """Do without it until the page loads again. The history itself reports its failures."""
        message.prevent_default()


def _cancel_words(event: EventInfo) -> str:
    actor, reason = event.data.get("actor") or "", event.data.get("reason") or ""
    return ": ".join(filter(None, (f"by {actor}" if actor else "", str(reason))))
