"""Actions on jobs, the same on the list and on the page of one job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from kinolog.counts import counted
from kinolog_client import JobInfo
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.confirm import ConfirmDialog, PriorityDialog
from kinolog_tui.screens.page import Page
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.session.messages import RequestAnswered
from kinolog_tui.text.display_text import short_id, shortened

COMMANDS = frozenset({"cancel_jobs", "retry_jobs", "reprioritize", "pause_jobs", "erase_jobs", "make_again"})
"""Names of the actions that change jobs or make new ones."""
RETRIED = ("failed", "cancelled")
PROMPT_CELLS = 46
"""Cells of a prompt in a dialog: it has one line there, with the id."""
DONE = {
    "cancel": "cancelling",
    "retry": "queued again",
    "reprioritize": "reprioritised",
    "pause": "paused",
    "resume": "resumed",
    "erase": "erased",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """An action was sent for `jobs` jobs; `refusals` has the reason of each refusal."""

    action: str
    jobs: int
    refusals: Sequence[str]


def unusable_commands(job: JobInfo | None) -> frozenset[str]:
    """Return the commands that would do nothing for a job as it is."""
    if job is None:
        return COMMANDS
    unusable: set[str] = set()
    if job.ended or job.cancel_requested:
        unusable.add("cancel_jobs")
    if job.ended:
        unusable |= {"reprioritize", "pause_jobs"}
    if job.status not in RETRIED or job.erased:
        unusable.add("retry_jobs")
    if job.prompt is None:
        unusable.add("make_again")
    return frozenset(unusable)


class JobActions(Page):
    """Cancels, retries, reprioritises, pauses, erases and copies the selected jobs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("jobs.cancel", "cancel_jobs", "Cancel"),
        key_binding("jobs.retry", "retry_jobs", "Retry"),
        key_binding("jobs.priority", "reprioritize", "Priority"),
        key_binding("jobs.pause", "pause_jobs", "Pause", show=False),
        key_binding("jobs.erase", "erase_jobs", "Erase", show=False),
        key_binding("jobs.copy", "copy_id", "Copy id", show=False),
        key_binding("jobs.again", "make_again", "Again"),
    ]

    def selected_job_ids(self) -> list[str]:
        """Return the ids of the jobs that an action applies to."""
        raise NotImplementedError

    def selected_job(self) -> JobInfo | None:
        """Return the one job that the person looks at."""
        raise NotImplementedError

    def known_job(self, job_id: str) -> JobInfo | None:
        """Return a job that is on the screen; None for another one."""
        raise NotImplementedError

    def list_words(self) -> str:
        """Return a sentence about the list that several jobs were marked in."""
        return ""

    def unseen_count(self, ids: Sequence[str]) -> int:
        """Return how many of these jobs are not on the screen."""
        return 0

    def after_action(self) -> None:
        """An action was sent for the selected jobs."""

    def action_cancel_jobs(self) -> None:
        """Cancel, after a confirmation."""
        self._confirm("cancel", "Cancel", "What runs stops at its next step.")

    def action_retry_jobs(self) -> None:
        """Queue the jobs again. Several ones after a confirmation: they may occupy the workers for hours."""
        ids = self.selected_job_ids()
        if len(ids) == 1:
            self._send("retry", ids)
        else:
            self._confirm("retry", "Retry", "Those that failed or were cancelled are rendered again.")

    def action_erase_jobs(self) -> None:
        """Erase, after a confirmation."""
        self._confirm("erase", "Erase", "Prompts and files are deleted for good; the history stays.")

    def action_reprioritize(self) -> None:
        """Choose another priority."""
        ids, job = self.selected_job_ids(), self.selected_job()
        before = job.priority if job is not None and ids == [job.job_id] else None

        def chosen(priority: str | None) -> None:
            if priority not in (None, before):
                self._send("reprioritize", ids, priority)

        if ids and self.kinolog.may_write():
            title = "Priority" if len(ids) == 1 else f"Priority of {counted(len(ids), 'job')}"
            self.app.push_screen(PriorityDialog(title, self._subject(ids), before or "medium"), chosen)

    def action_pause_jobs(self) -> None:
        """Pause the jobs, or resume them if all are paused. What they have drawn is kept, so nobody is asked."""
        ids = self.selected_job_ids()
        jobs = list(map(self.known_job, ids))
        are_paused = all(job is not None and job.paused_at is not None for job in jobs)
        self._send("resume" if are_paused else "pause", ids)

    @property
    def hidden_actions(self) -> frozenset[str]:
        """Leave commands out of the bottom line if the dashboard only looks."""
        return self.unusable_actions | (COMMANDS if self.kinolog.read_only else frozenset())

    def action_copy_id(self) -> None:
        """Copy the id to the clipboard of the terminal."""
        job = self.selected_job()
        if job is not None:
            self.app.copy_to_clipboard(job.job_id)
            self.notify(f"{job.job_id}", title="Copied")

    def action_make_again(self) -> None:
        """Fill Generate with the request of this job, so that it can be changed."""
        job = self.selected_job()
        if job is None:
            return
        if job.prompt is None:
            self.notify("its prompt is erased", title="Not again", severity="warning")
        else:
            self.kinolog.make_again(job)

    def _confirm(self, action: str, verb: str, consequence: str) -> None:
        ids = self.selected_job_ids()

        def answered(yes: bool | None) -> None:
            if yes:
                self._send(action, ids)

        if ids and self.kinolog.may_write():
            jobs = "this job" if len(ids) == 1 else f"these {counted(len(ids), 'job')}"
            words = "\n".join((self._subject(ids), consequence))
            self.app.push_screen(ConfirmDialog(f"{verb} {jobs}?", words, verb), answered)

    def _subject(self, ids: Sequence[str]) -> str:
        """Return which jobs these are: the id and the prompt of one, of several what the person sees of them."""
        if len(ids) == 1:
            job = self.known_job(ids[0])
            prompt = "not on this page" if job is None else job.prompt or "(erased)"
            return f"{short_id(ids[0])}  {shortened(prompt, PROMPT_CELLS)}"
        unseen = self.unseen_count(ids)
        verb = "is" if unseen == 1 else "are"
        return " ".join(
            filter(None, (self.list_words(), f"{unseen} of them {verb} not on this page." if unseen else ""))
        )

    def _send(self, action: str, ids: list[str], priority: str | None = None) -> None:
        if not ids or not self.kinolog.may_write():
            return

        async def call() -> ActionResult:
            answer = await self.kinolog.client.bulk(action, ids, priority=priority)
            refused = [result.error or {} for result in answer.results if not result.ok]
            refusals = [str(error.get("detail") or "refused") for error in refused]
            return ActionResult(action=action, jobs=len(ids), refusals=refusals)

        self.request(" ".join([action, *ids]), call)  # only the same action on the same jobs replaces it
        self.after_action()

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Report how many jobs accepted an action, and the first refusal. The page's own handler runs as well."""
        if isinstance(message.value, ActionResult):
            self._report(message.value)

    def _report(self, result: ActionResult) -> None:
        refused = len(result.refusals)
        done = result.jobs - refused
        if done:
            self.notify(f"{counted(done, 'job')} {DONE[result.action]}")
        if refused:
            key = key_label(self.app, "everywhere.renew")
            text = f"{refused} refused: {result.refusals[0]}\n{key} shows how things stand now."
            self.notify(text, title="Not done", severity="warning")
