"""The details of one job: head, stages, facts, and state as of a commit."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text
from textual.app import App
from textual.widget import Widget
from textual.widgets import Static

from kinolog.counts import counted
from kinolog_client import STAGES, EventInfo, JobInfo, StageInfo
from kinolog_tui.text import clock
from kinolog_tui.text.display_text import (
    PRIORITY_MARKS,
    SYMBOLS,
    bar,
    moment,
    pause_text,
    plain,
    size,
    span,
    start_time,
)
from kinolog_tui.widgets.theme_styles import status_style, style

STAGE_CELLS = 14
LEAST_BAR, MOST_BAR = 8, 30
"""Cells of the bar in the head."""
NAME_CELLS = 11
"""Width of the column of names, the same in every table so that the values are aligned."""
DURATIONS = {"seconds": "took", "gpu_seconds": "device time"}
"""Fields of events with a duration, and how each is called."""


class JobHead(Widget):
    """Status, priority and id; the prompt; the progress. It is drawn for the width at which it is shown."""

    _shown: tuple[JobInfo, tuple[int, int] | None] | None = None

    def show(self, job: JobInfo, step: tuple[int, int] | None) -> None:
        """Show the job; `step` is the current step and the number of steps, if known."""
        self._shown = (job, step)
        self.refresh()

    def render(self) -> Text:
        """Draw three lines."""
        return self._lines(*self._shown) if self._shown is not None else Text()

    def _lines(self, job: JobInfo, step: tuple[int, int] | None) -> Text:
        colour = status_style(self.app, job.status, bold=True)
        muted = style(self.app, "text-muted")
        is_cancelled = job.cancel_requested and not job.ended
        word = "cancelling" if is_cancelled else pause_text(job) or job.status
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{SYMBOLS[job.status]} {word}", style=colour)
        text.append(f"  {PRIORITY_MARKS[job.priority]} {job.priority}  ")
        text.append(job.job_id, style=muted)
        if text.cell_len + len(job.model) + 2 <= self.content_size.width:  # the facts have it too
            text.append(f"  {job.model}", style=muted)
        text.append("\n")
        text.append(" ".join((job.prompt or "(erased)").split()), style="bold")
        text.append("\n")
        if job.error is not None and job.status == "failed":
            text.append(f"{job.error.code}: {job.error.message}", style=style(self.app, "error"))
        else:
            text.append(bar(job.percent, self._bar_cells), style=status_style(self.app, job.status))
            text.append(f" {job.percent:3.0f}%  {self._progress_text(job, step)}")
        return text

    @property
    def _bar_cells(self) -> int:
        return max(LEAST_BAR, min(MOST_BAR, self.size.width // 4))

    def _progress_text(self, job: JobInfo, step: tuple[int, int] | None) -> str:
        if paused := pause_text(job):
            return f"{paused} since {moment(job.paused_at)}"
        if starts := start_time(job, clock.now()):
            return f"starts {starts}"
        if job.status == "queued":
            place = job.queue_position
            return "" if place is None else ("next in line" if place == 0 else f"{place} before it")
        if job.status != "processing":
            return f"in {span(job.timings.run_seconds)}" if job.timings.run_seconds is not None else ""
        parts = [plain(job.stage or "starting")]
        if job.scenes > 1 and job.scene is not None:
            parts.append(f"scene {job.scene + 1} of {job.scenes}")
        if step is not None:
            parts.append(f"step {step[0]} of {step[1]}")
        if job.eta_seconds is not None:
            parts.append(f"about {span(job.eta_seconds)} left")
        return " · ".join(parts)


POSTPROCESS = "postprocess"
"""The stage that only jobs have whose frames are changed after they were drawn."""


class StageList(Static):
    """The progress and duration of each stage. Stages that have not started are dim."""

    def on_mount(self) -> None:
        """Set the title."""
        self.border_title = "stages"

    def show(self, job: JobInfo) -> None:
        """Show the stages of the current or last attempt."""
        text = Text(no_wrap=True)
        shown = [name for name in STAGES if name != POSTPROCESS or job.upscaler or job.interpolate_fps]
        for index, name in enumerate(shown):
            text.append("\n" if index else "")
            parts = [stage for stage in job.stages if stage.stage == name]
            text.append_text(self._line(job, name, parts))
        self.update(text)

    def _line(self, job: JobInfo, name: str, parts: Sequence[StageInfo]) -> Text:
        muted = style(self.app, "text-muted")
        text = Text(end="")
        if not parts:
            text.append(f"  {plain(name):<14}{'·' * STAGE_CELLS}", style=muted)
            return text
        repeats = max(1, job.scenes) if any(part.scene is not None for part in parts) else 1
        percent = min(100.0, sum(part.percent for part in parts) / repeats)
        done = percent >= 100 or job.status == "completed"
        runs = job.status == "processing" and not done
        colour = "success" if done else ("primary" if runs else "error")
        text.append("● " if done else ("◐ " if runs else "✖ "), style=style(self.app, colour))
        text.append(f"{plain(name):<14}")
        text.append(bar(percent, STAGE_CELLS), style=style(self.app, colour))
        took = [part.seconds for part in parts if part.seconds is not None]
        text.append(f" {span(sum(took)) if took and not runs else f'{percent:.0f}%':>8}")
        return text


class JobFacts(Static):
    """The request, the times and the results of a job."""

    def on_mount(self) -> None:
        """Set the title."""
        self.border_title = "facts"

    def show(self, job: JobInfo, cancelled: str = "") -> None:
        """Show the facts of the job; `cancelled` says who cancelled it, and why."""
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(style=style(self.app, "text-muted"), no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in self._facts(job, cancelled):
            if value:
                table.add_row(name, Text(value))
        self.update(table)

    def _facts(self, job: JobInfo, cancelled: str) -> list[tuple[str, str]]:
        times, media = job.timings, job.media
        facts = [
            ("model", job.model),
            ("video", f"{job.size}, {job.duration:g} s, {counted(job.frames, 'frame')} at {job.fps}/s"),
            ("sampling", f"{counted(job.steps, 'step')}, guidance {job.guidance:g}, seed {job.seed}"),
            ("variant", f"{job.variant} of job {job.variant_of}" if job.variant else ""),
            ("enlarged by", job.upscaler or ""),
            ("interpolated", f"to {job.interpolate_fps}/s" if job.interpolate_fps else ""),
            ("style", job.style or ""),
            ("without", job.negative_prompt or ""),
            *(
                (plain(one.role or "input"), f"{one.media_type}, {size(one.size_bytes)}")
                for one in job.inputs
            ),
            ("attempt", f"{job.attempt} by {job.worker}" if job.attempt and job.worker else ""),
            ("submitted", f"{moment(job.created_at)} by {job.actor}"),
            ("started", moment(job.started_at) if job.started_at else ""),
            ("finished", moment(job.finished_at) if job.finished_at else ""),
            ("cancelled", cancelled),
            ("waited", span(times.wait_seconds) if times.wait_seconds is not None else ""),
            ("ran", span(times.run_seconds) if times.run_seconds is not None else ""),
            ("device time", span(job.gpu_seconds) if job.gpu_seconds else ""),
        ]
        if media is not None:
            facts.append(("made", f"{media.codec} {media.pixel_format}, {counted(media.frames, 'frame')}"))
            facts.append(("sound", media.sound))
            facts.append(("frame hash", media.frame_hash))
        facts += [
            (artifact.kind, f"{size(artifact.size_bytes)} {artifact.sha256}") for artifact in job.artifacts
        ]
        facts += [
            (f"attempt {attempt.number}", f"{attempt.error.code}: {attempt.error.message}")
            for attempt in job.attempts
            if attempt.error is not None
        ]
        facts.append(("log", f"{counted(job.version, 'event')}, last at position {job.position}"))
        return facts


def state_grid(app: App[object], job: JobInfo | None, events: Sequence[EventInfo]) -> Table:
    """Return the state of a job as of a commit, and the data of the commit's events."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(style=style(app, "text-muted"), min_width=NAME_CELLS)
    table.add_column(overflow="fold")
    if job is not None:
        for name, value in _state(job):
            if value:
                colour = status_style(app, job.status, bold=True) if name == "status" else ""
                table.add_row(name, Text(value, style=colour))
    for event in events:
        table.add_row("", "")
        table.add_row(Text("then", style=style(app, "accent")), Text(plain(event.type), style="bold"))
        for name, value in event.data.items():
            shown = value + 1 if name == "scene" and isinstance(value, int) else value
            if name in DURATIONS and isinstance(value, float | int):
                table.add_row(DURATIONS[name], Text(span(value)))
            elif (words := _one_line(shown)) is not None:
                table.add_row(plain(name), Text(words))
    return table


def _state(job: JobInfo) -> list[tuple[str, str]]:
    percent = f" {job.percent:.0f}%" if job.percent else ""
    return [
        ("status", f"{SYMBOLS[job.status]} {job.status}{percent}"),
        ("priority", job.priority),
        ("stage", plain(job.stage or "–")),
        ("attempt", f"{job.attempt}" + (f" by {job.worker}" if job.worker else "")),
        ("scenes", f"{job.scenes}, chained" if job.chained else str(job.scenes)),
        ("done", ", ".join(_done(job)) or "–"),
        ("files", ", ".join(artifact.kind for artifact in job.artifacts) or "–"),
        ("cancel", "asked for" if job.cancel_requested else ""),
        ("erased", "yes" if job.erased else ""),
        ("error", f"{job.error.code}: {job.error.message}" if job.error else ""),
        ("events", str(job.version)),
    ]


def _one_line(value: object) -> str | None:
    """Return a value on one line; None for nested and empty values."""
    if isinstance(value, list):
        return f"{len(value)}"
    if isinstance(value, dict) or value in (None, ""):
        return None
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:80]


def _done(job: JobInfo) -> list[str]:
    names = [plain(stage.stage) for stage in job.stages if stage.seconds is not None and stage.stage]
    return list(dict.fromkeys(names))
