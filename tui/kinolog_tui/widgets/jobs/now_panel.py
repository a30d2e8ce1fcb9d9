"""What kinolog does now: the running jobs with their progress, then the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from kinolog_client import JobInfo, JobState
from kinolog_tui.graphics.clip_decoder import Picture, PixelBox
from kinolog_tui.graphics.half_blocks import picture_text
from kinolog_tui.session.job_progress import job_after, with_known_progress
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.text import clock
from kinolog_tui.text.display_text import (
    PRIORITY_MARKS,
    ago,
    bar,
    pause_text,
    plain,
    short_id,
    span,
    start_time,
)
from kinolog_tui.widgets.theme_styles import status_style, style

PREVIEW = PixelBox(10, 3)
"""The box of a picture of the work so far."""
LEAST_BAR, MOST_BAR = 8, 40
FACT_CELLS = 32
"""Cells beside the bar for the percentage and the remaining time."""


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A running job, its step and number of steps if they are known, and a picture of the work so far."""

    job: JobInfo
    step: tuple[int, int] | None = None
    picture: Picture | None = None


class NowPanel(OptionList):
    """Three lines for each running job, one for each waiting one. Enter opens the job."""

    def __init__(self) -> None:
        super().__init__(id="now")
        self._active: dict[str, RunningJob] = {}
        self._queue: tuple[JobInfo, ...] = ()
        self._left: dict[str, int] = {}
        """Jobs that no longer wait, with the position of the commit that says so."""
        self._counts = ""
        self._answers: set[str] = set()
        """Which of `running` and `queue` are known."""

    def on_mount(self) -> None:
        """Set the title."""
        self.border_title = "now"
        self._draw()

    @property
    def running_ids(self) -> tuple[str, ...]:
        """The ids of the running jobs that are shown, in order."""
        return tuple(self._active)

    def show_running(self, jobs: Sequence[JobInfo]) -> None:
        """Show these running jobs. Progress and pictures of live updates stay."""
        self._answers.add("running")
        before = self._active
        self._active = {job.job_id: _merged(job, before.get(job.job_id)) for job in jobs}
        self._queue = self._still_waiting(self._queue)
        self._draw()

    def show_queue(self, jobs: Sequence[JobInfo]) -> None:
        """Show these waiting jobs, the next one first. Those that left the queue since they were read are left out."""
        self._answers.add("queue")
        self._queue = self._still_waiting(jobs)
        known = {job.job_id for job in jobs}
        self._left = {job_id: position for job_id, position in self._left.items() if job_id in known}
        self._draw()

    def _still_waiting(self, jobs: Sequence[JobInfo]) -> tuple[JobInfo, ...]:
        return tuple(job for job in jobs if self._left.get(job.job_id, 0) <= job.position)

    def show_counts(self, running: int, queued: int) -> None:
        """Show the numbers of all jobs that run and wait."""
        self._counts = f"{running:,} running, {queued:,} waiting" if running or queued else ""
        self.border_subtitle = self._counts

    def patch(self, job_id: str, state: JobState, position: int) -> bool:
        """Apply a live update. Return False if the job is not shown as running.

        A job that started or ended leaves the queue when the running jobs are read again, so that it is always shown.
        """
        if state.events and state.status != "queued":
            self._left[job_id] = position
        known = self._active.get(job_id)
        if known is None:
            return False
        step = (state.step, state.steps) if state.step is not None and state.steps else known.step
        after = RunningJob(job_after(known.job, state), step, known.picture)
        self._replace(job_id, after)
        return True

    def show_picture(self, job_id: str, picture: Picture) -> None:
        """Show a picture of the work so far."""
        known = self._active.get(job_id)
        if known is not None:
            self._replace(job_id, RunningJob(known.job, known.step, picture))

    def redraw(self) -> None:
        """Draw with the current colours, keys and times."""
        self._draw()

    def on_resize(self) -> None:
        """Fit the bars to the width."""
        self._draw()

    def _replace(self, job_id: str, after: RunningJob) -> None:
        if after != self._active[job_id]:
            self._active[job_id] = after
            self.replace_option_prompt(job_id, self._running_lines(after))

    def _draw(self) -> None:
        at = self.highlighted_option
        options = [Option(self._running_lines(each), id=key) for key, each in self._active.items()]
        options += [
            Option(self._waiting_line(job, place), id=job.job_id)
            for place, job in enumerate(self._queue)
            if job.job_id not in self._active
        ]
        if not options:
            key = key_label(self.app, "everywhere.generate")
            known = f"nothing runs and nothing waits: {key} makes a video"
            words = Text(known if len(self._answers) == 2 else "…")
            words.stylize(style(self.app, "text-muted"))
            options.append(Option(words, disabled=True))
        self.clear_options()
        self.add_options(options)
        if at is not None and at.id is not None and at.id in self._id_to_option:
            self.highlighted = self.get_option_index(at.id)

    def _running_lines(self, each: RunningJob) -> Text:
        job = each.job
        lines = [self._head(each), Text(_one_line(job.prompt), style="bold"), self._progress(job)]
        if each.picture is not None:
            rows = [*picture_text(each.picture).split("\n")]
            rows += [Text(" " * PREVIEW.columns)] * (len(lines) - len(rows))
            lines = [_beside(row, line) for row, line in zip(rows, lines, strict=False)]
        text = Text("\n").join(lines)
        text.no_wrap, text.overflow = True, "ellipsis"
        return text

    def _head(self, each: RunningJob) -> Text:
        job = each.job
        line = Text(end="")
        line.append("◐ ", style=status_style(self.app, "processing", bold=True))
        line.append(short_id(job.job_id), style="bold")
        parts = [f"{PRIORITY_MARKS[job.priority]} {job.priority}"]
        parts.append("cancelling" if job.cancel_requested else plain(job.stage or "starting"))
        if job.scenes > 1 and job.scene is not None:
            parts.append(f"scene {job.scene + 1} of {job.scenes}")
        if each.step is not None:
            parts.append(f"step {each.step[0]} of {each.step[1]}")
        line.append(f"  {' · '.join(parts)}", style=style(self.app, "text-muted"))
        return line

    def _progress(self, job: JobInfo) -> Text:
        taken = FACT_CELLS + PREVIEW.columns
        cells = max(LEAST_BAR, min(MOST_BAR, self.content_size.width - taken))
        line = Text(end="")
        line.append(bar(job.percent, cells), style=status_style(self.app, "processing"))
        line.append(f" {job.percent:3.0f}%")
        if job.eta_seconds is not None:
            line.append(f"  about {span(job.eta_seconds)} left", style=style(self.app, "text-muted"))
        return line

    def _waiting_line(self, job: JobInfo, place: int) -> Text:
        known = place if job.queue_position is None else job.queue_position
        text = Text(no_wrap=True, overflow="ellipsis", end="")
        text.append("○ ", style=status_style(self.app, "queued"))
        if paused := pause_text(job):
            text.append(f"{paused} ")
        elif starts := start_time(job, clock.now()):
            text.append(f"{starts if len(starts) == len('22:00') else 'later'} ")
        else:
            text.append(f"{'next' if known == 0 else f'#{known + 1}':<5}")
        text.append(short_id(job.job_id), style="bold")
        muted = style(self.app, "text-muted")
        text.append(
            f"  {PRIORITY_MARKS[job.priority]:<2} {ago(job.created_at, clock.now()):>6}  ", style=muted
        )
        text.append(_one_line(job.prompt))
        return text


def _one_line(prompt: str | None) -> str:
    return " ".join((prompt or "(erased)").split())


def _beside(row: Text, line: Text) -> Text:
    both = Text(end="")
    both.append_text(row)
    both.append(" " * max(1, PREVIEW.columns + 1 - row.cell_len))
    both.append_text(line)
    return both


def _merged(job: JobInfo, before: RunningJob | None) -> RunningJob:
    """Return a listed job with the progress of later live updates: a list contains only what commits stored."""
    if before is None or before.job.attempt != job.attempt:
        return RunningJob(job)
    return RunningJob(with_known_progress(job, before.job), before.step, before.picture)
