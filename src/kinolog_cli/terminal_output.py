"""Jobs in a terminal: tables, details, histories, and a live progress bar per stage."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from kinolog_client import STAGES, CommitInfo, EventInfo, JobInfo, JobState

JOB = "job"
"""Name of the bar of the whole job."""
COLOURS = {
    "queued": "yellow",
    "processing": "cyan",
    "completed": "green",
    "failed": "red",
    "cancelled": "magenta",
}


def status_text(status: str) -> Text:
    """Return a status in its colour."""
    return Text(status, style=COLOURS.get(status, ""))


def age(time: datetime | None) -> str:
    """Return how long ago a time was, such as `3 min`. Empty for None."""
    if time is None:
        return ""
    seconds = (datetime.now().astimezone() - time).total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def duration(seconds: float | None) -> str:
    """Return a length of time, such as `1:05` or `0.4 s`. Empty for None."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def job_table(jobs: Iterable[JobInfo]) -> Table:
    """Return jobs, one per line."""
    table = Table(box=None, pad_edge=False)
    for heading in ("job", "status", "priority", "progress", "model", "age", "prompt"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for job in jobs:
        table.add_row(
            job.job_id,
            status_text(job.status),
            job.priority,
            f"{job.percent:.0f} %",
            job.model,
            age(job.created_at),
            Text(job.prompt or "(erased)", style="" if job.prompt else "dim"),
        )
    return table


def detail_table(pairs: Iterable[tuple[str, Any]]) -> Table:
    """Return names and values, without those that have no value."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in pairs:
        if value not in (None, "", [], {}):
            table.add_row(name, value if isinstance(value, Text) else Text(str(value)))
    return table


def history_table(commits: Iterable[CommitInfo]) -> Table:
    """Return a job's events, one per line, with their time and the position of their commit."""
    table = Table(box=None, pad_edge=False)
    for heading in ("position", "time", "event", "by", "what"):
        table.add_column(heading, no_wrap=heading != "what")
    for commit in commits:
        for event in commit.events:
            table.add_row(
                str(commit.position),
                _local_time(event.at or commit.at, "%Y-%m-%d %H:%M:%S.%f")[:-3],
                event.type,
                commit.actor,
                Text(_summary(event.data), style="dim"),
            )
    return table


def history_outline(commits: Iterable[CommitInfo]) -> Table:
    """Return a job's history in a few lines, with the time that each stage took."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for commit in commits:
        texts = [text for event in commit.events if (text := _outline(event))]
        if texts:
            time = _local_time(commit.at, "%H:%M:%S")
            table.add_row(str(commit.position), time, ", ".join(texts), Text(commit.actor, style="dim"))
    return table


def _local_time(time: datetime | None, form: str) -> str:
    return "" if time is None else time.astimezone().strftime(form)


def _outline(event: EventInfo) -> str:
    data = event.data
    match event.type:
        case "stage_started" | "cancel_requested":
            return ""
        case "stage_finished":
            scene = f" {data['scene'] + 1}" if data.get("scene") else ""
            return f"{data['stage']}{scene} {duration(data['seconds'])}"
        case "attempt_started":
            return f"attempt {data['attempt']} started on {data['hardware']}"
        case "attempt_failed":
            return f"attempt {data['attempt']} failed: {data['error']['code']}"
        case name:
            return str(name).replace("_", " ")


def _summary(facts: dict[str, Any]) -> str:
    """Return the short facts of an event, without what is nested deep."""
    words = []
    for name, value in facts.items():
        if isinstance(value, list):
            words.append(f"{name}={len(value)}")
        elif isinstance(value, dict):
            code = value.get("code") or value.get("sha256", "")[:12]
            words += [f"{name}={code}"] if code else []
        elif isinstance(value, float):
            words.append(f"{name}={value:.4g}")
        elif value not in (None, "") and len(str(value)) <= 60:
            words.append(f"{name}={value}")
    return " ".join(words)


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
