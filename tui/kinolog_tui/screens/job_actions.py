"""What can be done to jobs, on the list and on one job's page alike."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from kinolog_client.jobs import JobInfo
from kinolog_tui.keys.bindings import bound
from kinolog_tui.keys.keymap_app import key_of
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
    """Cancel, retry, reprioritise, erase and copy what `chosen_jobs` names."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bound("jobs.cancel", "cancel_jobs", "Cancel"),
        bound("jobs.retry", "retry_jobs", "Retry"),
        bound("jobs.priority", "reprioritize", "Priority"),
        bound("jobs.erase", "erase_jobs", "Erase", show=False),
        bound("jobs.copy", "copy_id", "Copy id", show=False),
    ]

    def chosen_jobs(self) -> list[str]:
        """Ids of the jobs that an action takes."""
        raise NotImplementedError

    def chosen_facts(self) -> JobInfo | None:
        """The one job that is looked at."""
        raise NotImplementedError

    def acted(self) -> None:
        """An action was asked for."""

    def action_cancel_jobs(self) -> None:
        """Cancel, after asking."""
        self._confirmed("cancel", "Cancel", "What runs stops at its next step.")

    def action_retry_jobs(self) -> None:
        """Put them into the queue again."""
        self._act("retry", self.chosen_jobs())

    def action_erase_jobs(self) -> None:
        """Erase, after asking."""
        self._confirmed("erase", "Erase", "Prompts and files are gone for ever; the history stays.")

    def action_reprioritize(self) -> None:
        """Choose another priority."""
        ids = self.chosen_jobs()

        def chosen(priority: str | None) -> None:
            if priority is not None:
                self._act("reprioritize", ids, priority)

        if ids:
            self.app.push_screen(PriorityDialog(len(ids)), chosen)

    def action_copy_id(self) -> None:
        """Copy the id to the clipboard of the terminal."""
        job = self.chosen_facts()
        if job is not None:
            self.app.copy_to_clipboard(job.job_id)
            self.notify(f"{job.job_id}", title="Copied")

    def _confirmed(self, action: str, word: str, words: str) -> None:
        ids = self.chosen_jobs()

        def answered(yes: bool | None) -> None:
            if yes:
                self._act(action, ids)

        if ids:
            jobs = "this job" if len(ids) == 1 else f"these {len(ids)} jobs"
            self.app.push_screen(ConfirmDialog(f"{word} {jobs}?", words, word), answered)

    def _act(self, action: str, ids: list[str], priority: str | None = None) -> None:
        if not ids:
            return
        key = f"act {action} {len(ids)}"
        self.ask(key, lambda: self.kinolog.rest.act(action, ids, priority))
        self.acted()

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
            renew = key_of(self.app, "everywhere.renew")
            words = f"{len(refused)} refused: {refused[0]}\n{renew} shows how things stand now."
            self.notify(words, title="Not done", severity="warning", markup=False)
