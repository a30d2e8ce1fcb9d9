"""A live progress bar for a job, and one for each of its stages."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from kinolog_cli.output.formats import duration
from kinolog_client import STAGES, JobInfo, JobState

JOB = "job"
"""Name of the bar of the whole job."""


class JobProgressBars:
    """A live progress bar for the job, and one for each stage that has begun."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {
            name: self._bars.add_task("", start=False, visible=False, total=100.0, note="")
            for name in (JOB, *STAGES)
        }

    def __enter__(self) -> JobProgressBars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, job: JobInfo | JobState) -> None:
        """Show how a job stands."""
        note = f"about {duration(job.eta_seconds)} left" if job.eta_seconds is not None else ""
        if job.status == "queued" and job.queue_position is not None:
            note = f"{job.queue_position} before it" if job.queue_position else "next"
        self._show_bar(JOB, f"[bold]{job.status}", job.percent, note)
        for name, percent, time in stage_progress(job):
            self._show_bar(name, f"  {name}", percent, time)

    def _show_bar(self, name: str, description: str, percent: float, note: str) -> None:
        """Show one bar. The stages stand in the order of the work, whichever is received first."""
        task = self._tasks[name]
        self._bars.start_task(task)
        self._bars.update(task, description=description, completed=percent, note=note, visible=True)
        if percent >= 100.0:
            self._bars.stop_task(task)


def stage_progress(job: JobInfo | JobState) -> list[tuple[str, float, str]]:
    """Return name, percent and time of each stage that has begun. Stages that repeat per scene are added up."""
    rows = []
    for name in STAGES:
        repeats = [stage for stage in job.stages if stage.stage == name]
        if not repeats:
            continue
        expected = max(1, job.scenes) if any(stage.scene is not None for stage in repeats) else 1
        percent = sum(stage.percent for stage in repeats) / expected
        seconds = [stage.seconds for stage in repeats if stage.seconds is not None]
        rows.append((name, min(100.0, percent), duration(sum(seconds)) if seconds else ""))
    return rows
