"""The history of a job, and the verification of its record."""

from __future__ import annotations

from functools import partial

from kinolog_client import HistoryInfo, ProofInfo
from kinolog_tui.screens.job.job_tab import JobTab
from kinolog_tui.session.keymap_app import fill_key_names, key_label
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.session.request_failure import RequestFailure
from kinolog_tui.text import clock
from kinolog_tui.widgets.job.history import HistoryPanel

NOT_FOUND = 404


class HistoryTab(JobTab):
    """Commits, the state as of one of them, and the result of the last verification."""

    LOAD_KEY = "history"

    def __init__(self, job_id: str) -> None:
        self._history = HistoryPanel()
        super().__init__(job_id, "History", "history", self._history)

    def load(self) -> None:
        """Request the commits."""
        self.request(self.LOAD_KEY, partial(self.kinolog.client.history, self.job_id))

    def show_open(self) -> None:
        """Focus the commits."""
        self._history.focus_commits()

    def redraw(self) -> None:
        """Draw with the current colours and keys."""
        self._history.redraw()

    def on_history_panel_moved(self, message: HistoryPanel.Moved) -> None:
        """Request the state as of the selected commit. A newer request cancels an older one."""
        self.request("state", partial(self.kinolog.client.history, self.job_id, as_of=message.position))

    def verify(self) -> None:
        """Have the server verify the record, and open the panel that shows the result."""
        self._history.proof.display = True
        self._history.proof.show_message("checking the record and every file …")
        self.request("proof", partial(self.kinolog.client.verify, self.job_id))

    def close_proof(self) -> bool:
        """Close the result of the verification. Return False if it is not visible."""
        visible = self._history.proof.display and self.is_open
        if visible:
            self._history.proof.display = False
            self._history.focus_commits()
        return visible

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show the commits, the state as of one of them, or the result of the verification."""
        match message.value:
            case HistoryInfo() as history if message.key == self.LOAD_KEY:
                self._history.show(history.commits)
            case HistoryInfo() as history:
                self._history.show_state(history.job)
            case ProofInfo() as proof:
                self._history.proof.show(proof, clock.now())

    def on_request_failed(self, message: RequestFailed) -> None:
        """Show why there is no verification in its panel. Other failures become a message."""
        if message.key == "proof":
            message.prevent_default()  # no message
            self._history.proof.show_message(self._why_not_verified(message.failure))

    def _why_not_verified(self, failure: RequestFailure) -> str:
        if failure.status == NOT_FOUND and failure.reason != "JOB_NOT_FOUND":
            key, url = key_label(self.app, "job.verify"), self.kinolog.client.url
            return f"{url} is too old to check records. Upgrade it, then press {key} again."
        return f"Not checked: {failure.text} {fill_key_names(self.app, failure.next_step)}"
