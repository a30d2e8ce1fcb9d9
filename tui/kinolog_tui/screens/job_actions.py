"""What can be done to jobs, on the list and on one job's page alike."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from kinolog_client.jobs import JobInfo
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.keys.keymap_app import key_label
from kinolog_tui.screens.dialogs.confirm import ConfirmDialog, PriorityDialog
from kinolog_tui.screens.page import Page
from kinolog_tui.session.messages import RequestAnswered

DONE = {
    "cancel": "cancelling",
    "retry": "queued again",
    "reprioritize": "reprioritised",
    "erase": "erased",
}


class JobActions(Page):
    """Cancel, retry, reprioritise, erase and copy what `selected_job_ids` names."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("jobs.cancel", "cancel_jobs", "Cancel"),
        key_binding("jobs.retry", "retry_jobs", "Retry"),
        key_binding("jobs.priority", "reprioritize", "Priority"),
        key_binding("jobs.erase", "erase_jobs", "Erase", show=False),
        key_binding("jobs.copy", "copy_id", "Copy id", show=False),
    ]

    def selected_job_ids(self) -> list[str]:
        """Ids of the jobs that an action takes."""
        raise NotImplementedError

    def selected_job(self) -> JobInfo | None:
        """The one job that is looked at."""
        raise NotImplementedError

    def actions_started(self) -> None:
        """An action was asked for."""

    def action_cancel_jobs(self) -> None:
        """Cancel, after asking."""
        self._confirm("cancel", "Cancel", "What runs stops at its next step.")

    def action_retry_jobs(self) -> None:
        """Put them into the queue again."""
        self._start_action("retry", self.selected_job_ids())

    def action_erase_jobs(self) -> None:
        """Erase, after asking."""
        self._confirm("erase", "Erase", "Prompts and files are gone for ever; the history stays.")

    def action_reprioritize(self) -> None:
        """Choose another priority."""
        ids = self.selected_job_ids()

        def chosen(priority: str | None) -> None:
            if priority is not None:
                self._start_action("reprioritize", ids, priority)

        if ids:
            self.app.push_screen(PriorityDialog(len(ids)), chosen)

    def action_copy_id(self) -> None:
        """Copy the id to the clipboard of the terminal."""
        job = self.selected_job()
        if job is not None:
            self.app.copy_to_clipboard(job.job_id)
            self.notify(f"{job.job_id}", title="Copied")

    def _confirm(self, action: str, word: str, words: str) -> None:
        ids = self.selected_job_ids()

        def answered(yes: bool | None) -> None:
            if yes:
                self._start_action(action, ids)

        if ids:
            jobs = "this job" if len(ids) == 1 else f"these {len(ids)} jobs"
            self.app.push_screen(ConfirmDialog(f"{word} {jobs}?", words, word), answered)

    def _start_action(self, action: str, ids: list[str], priority: str | None = None) -> None:
        if not ids:
            return
        key = f"act {action} {len(ids)}"
        self.request(key, lambda: self.kinolog.rest.act(action, ids, priority))
        self.actions_started()

    def said(self, message: RequestAnswered) -> None:
        """Tell what became of an action; the answer is the words of those that were refused."""
        if not message.key.startswith("act ") or not isinstance(message.value, list):
            return
        _, action, number = message.key.split()
        refused = message.value
        done = int(number) - len(refused)
        if done:
            jobs = "1 job" if done == 1 else f"{done} jobs"
            self.notify(f"{jobs} {DONE[action]}", timeout=3)
        if refused:
            renew = key_label(self.app, "everywhere.renew")
            words = f"{len(refused)} refused: {refused[0]}\n{renew} shows how things stand now."
            self.notify(words, title="Not done", severity="warning", markup=False)
