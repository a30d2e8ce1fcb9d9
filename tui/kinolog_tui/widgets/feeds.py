"""The activity feed and the list of workers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kinolog_client import ActivityEntryInfo, WorkerInfo
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.text import clock
from kinolog_tui.text.display_text import bar, plain, short_id, size, time_of_day
from kinolog_tui.widgets.theme_styles import style

EVENT_COLOURS = {
    "completed": "success",
    "failed": "error",
    "attempt_failed": "error",
    "cancelled": "secondary",
    "submitted": "warning",
    "attempt_started": "primary",
}
QUIET_SECONDS = 60.0
"""A worker that has not reported for this long counts as silent."""


class ActivityFeed(OptionList):
    """The latest events, newest first. Enter opens the job."""

    _shown: tuple[object, ...] = ()

    def on_mount(self) -> None:
        """Set the title."""
        self.border_title = "activity"

    def show(self, entries: Sequence[ActivityEntryInfo]) -> None:
        """Show these entries. The cursor stays on its entry."""
        makes = key_label(self.app, "everywhere.generate")
        seen = (self.app.theme, makes, *entries)
        if seen == self._shown:
            return
        self._shown, at = seen, self.highlighted_option
        self.border_subtitle = "" if entries else f"nothing yet: {makes} makes a video"
        self.clear_options()
        self.add_options(
            [
                Option(self._line(entry), id=f"{entry.job_id}-{entry.position}-{entry.index}")
                for entry in entries
            ]
        )
        if at is not None and at.id is not None and at.id in self._id_to_option:
            self.highlighted = self.get_option_index(at.id)

    def _line(self, entry: ActivityEntryInfo) -> Text:
        colour = EVENT_COLOURS.get(entry.event, "foreground")
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{time_of_day(entry.at)} ", style=style(self.app, "text-muted"))
        text.append(f"{plain(entry.event)} ", style=style(self.app, colour))
        text.append(short_id(entry.job_id), style="bold")
        text.append(f" {entry.actor}", style=style(self.app, "text-muted"))
        return text


class WorkerList(Static):
    """Each worker with its device, its memory, and its current job and step."""

    _drawn = Text()

    def on_mount(self) -> None:
        """Set the title."""
        self.border_title = "workers"

    def show(self, workers: Sequence[WorkerInfo]) -> None:
        """Show these workers."""
        busy = sum(worker.job_id is not None or bool(worker.server_job_ids) for worker in workers)
        self.border_subtitle = f"{busy} of {len(workers)} busy" if workers else ""
        if not workers:
            words = Text()  # a style of the whole text would not count when texts are compared
            words.append("none: `kinolog up` starts one", style=style(self.app, "warning"))
            self._draw(words)
            return
        now = clock.now()
        text = Text(no_wrap=True, overflow="ellipsis")
        for index, worker in enumerate(workers):
            text.append("\n" if index else "")
            text.append_text(self._lines(worker, now))
        self._draw(text)

    def _draw(self, text: Text) -> None:
        """Update the widget if the text changed. The layout is computed again only for another number of lines."""
        if text != self._drawn:
            lines = text.plain.count("\n") == self._drawn.plain.count("\n") and bool(self._drawn)
            self._drawn = text
            self.update(text, layout=not lines)

    def _lines(self, worker: WorkerInfo, now: datetime) -> Text:
        silent = worker.seen_at is None or (now - worker.seen_at).total_seconds() > QUIET_SECONDS
        is_busy = worker.job_id is not None or bool(worker.server_job_ids)
        mark, colour = ("◐", "primary") if is_busy else ("○", "text-muted")
        mark, colour = ("✖", "error") if silent else (mark, colour)
        text = Text(end="")
        text.append(f"{mark} ", style=style(self.app, colour))
        text.append(worker.name, style="bold")
        text.append(f" {worker.device}", style=style(self.app, "text-muted"))
        if worker.memory_total_bytes:
            percent = 100 * worker.memory_used_bytes / worker.memory_total_bytes
            text.append(f" {bar(percent, 4)} ", style=style(self.app, "accent"))
            text.append(size(worker.memory_used_bytes))
        text.append("\n  ")
        if silent:
            text.append("silent", style=style(self.app, "error"))
        elif worker.job_id is None and worker.problem:
            text.append(plain(worker.problem), style=style(self.app, "error"))
            text.append("".join(f", {each}" for each in _work(worker)))
        elif worker.job_id is None and not worker.server_job_ids:
            done = f"idle, {worker.jobs_completed} done, {worker.attempts_failed} failed"
            warm = f"; warm: {', '.join(map(plain, worker.loaded_models))}" if worker.loaded_models else ""
            text.append(f"{done}{warm}", style=style(self.app, "text-muted"))
        else:
            text.append(", ".join(_work(worker)))
        return text


def _work(worker: WorkerInfo) -> list[str]:
    """Return each job of a worker: the one that it reports first, the next one of its device, those at servers."""
    work: list[str] = []
    if worker.job_id is not None:
        step = f" {worker.step}/{worker.steps}" if worker.steps else ""
        work.append(f"{short_id(worker.job_id)} {plain(worker.stage or 'starting')}{step}")
    if worker.other_job_id is not None:
        work.append(f"{short_id(worker.other_job_id)} beside")
    shown = (worker.job_id, worker.other_job_id)
    return work + [f"{short_id(each)} at a server" for each in worker.server_job_ids if each not in shown]
