"""How jobs look in a terminal: tables, details, histories, and a live progress bar per stage."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from kinolog_cli.gateway import Json

STAGES = ("storyboard", "prefetch", "encode_prompt", "denoise", "decode", "assemble", "sign", "store")
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
    """A status in its colour."""
    return Text(status, style=COLOURS.get(status, ""))


def ago(time: str | None) -> str:
    """How long ago a time was, such as `3 min`; empty for none."""
    if not time:
        return ""
    seconds = (datetime.now().astimezone() - datetime.fromisoformat(time)).total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def span(seconds: float | None) -> str:
    """A length of time, such as `1:05` or `0.4 s`; empty for none."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def jobs_table(jobs: Iterable[Json]) -> Table:
    """Jobs, one per line."""
    table = Table(box=None, pad_edge=False)
    for heading in ("job", "status", "priority", "progress", "model", "age", "prompt"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for job in jobs:
        table.add_row(
            job["job_id"],
            status_text(job["status"]),
            job["priority"],
            f"{job.get('percent') or 0:.0f} %",
            job.get("model") or "",
            ago(job.get("created_at")),
            Text(job.get("prompt") or "(erased)", style="" if job.get("prompt") else "dim"),
        )
    return table


def details(pairs: Iterable[tuple[str, Any]]) -> Table:
    """Names and values, those without a value left out."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in pairs:
        if value not in (None, "", [], {}):
            table.add_row(name, value if isinstance(value, Text) else Text(str(value)))
    return table


def history_table(commits: Iterable[Json]) -> Table:
    """A job's events, one per line, with the position of their commit and when they happened."""
    table = Table(box=None, pad_edge=False)
    for heading in ("position", "time", "event", "by", "what"):
        table.add_column(heading, no_wrap=heading != "what")
    for commit in commits:
        for event in commit["events"]:
            when = datetime.fromisoformat(event["at"] or commit["at"]).astimezone()
            table.add_row(
                str(commit["position"]),
                when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
                event["type"],
                commit["actor"],
                Text(_summary(event["data"]), style="dim"),
            )
    return table


def history_outline(commits: Iterable[Json]) -> Table:
    """A job's history in a few lines: what happened when, stages with how long they took."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for commit in commits:
        words = [word for event in commit["events"] if (word := _outline(event))]
        if words:
            when = datetime.fromisoformat(commit["at"]).astimezone().strftime("%H:%M:%S")
            table.add_row(str(commit["position"]), when, ", ".join(words), Text(commit["actor"], style="dim"))
    return table


def _outline(event: Json) -> str:
    data = event["data"]
    match event["type"]:
        case "stage_started" | "cancel_requested":
            return ""
        case "stage_finished":
            scene = f" {data['scene'] + 1}" if data.get("scene") else ""
            return f"{data['stage']}{scene} {span(data['seconds'])}"
        case "attempt_started":
            return f"attempt {data['attempt']} started on {data['hardware']}"
        case "attempt_failed":
            return f"attempt {data['attempt']} failed: {data['error']['code']}"
        case name:
            return str(name).replace("_", " ")


def _summary(facts: Json) -> str:
    """The short facts of an event: what fits, without what is nested deep."""
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


class JobProgress:
    """A live progress bar for the job and one for each stage that has begun."""

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

    def __enter__(self) -> JobProgress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, job: Json) -> None:
        """Bring the bars to what a job status says."""
        eta = job.get("eta_seconds")
        waits = job.get("queue_position")
        note = f"about {span(eta)} left" if eta is not None else ""
        if job["status"] == "queued" and waits is not None:
            note = f"{waits} before it" if waits else "next"
        self._bar(JOB, f"[bold]{job['status']}", job.get("percent") or 0.0, note)
        for name, percent, note in stages_of(job):
            self._bar(name, f"  {name}", percent, note)

    def _bar(self, name: str, description: str, percent: float, note: str) -> None:
        """Show one bar; the stages stand in the order of the work, whichever is heard of first."""
        task = self._tasks[name]
        self._bars.start_task(task)
        self._bars.update(task, description=description, completed=percent, note=note, visible=True)
        if percent >= 100.0:
            self._bars.stop_task(task)


def stages_of(job: Json) -> list[tuple[str, float, str]]:
    """Name, percent and note of each stage that has begun; stages that repeat per scene are added up."""
    scenes = max(1, job.get("scenes") or 1)
    rows = []
    for name in STAGES:
        parts = [stage for stage in job.get("stages") or [] if stage["stage"] == name]
        if not parts:
            continue
        repeats = scenes if any(part.get("scene") is not None for part in parts) else 1
        percent = sum(part.get("percent") or 0.0 for part in parts) / repeats
        took = [part["seconds"] for part in parts if part.get("seconds") is not None]
        note = span(sum(took)) if took else ""
        rows.append((name, min(100.0, percent), note))
    return rows
