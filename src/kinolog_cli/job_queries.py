"""Commands that read: jobs, show, watch, result, replay, models, workers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress
from rich.table import Table

from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import BY_JOB_STATUS, ExitCode
from kinolog_cli.terminal_output import (
    JobProgressBars,
    age,
    detail_table,
    duration,
    history_table,
    job_table,
    status_text,
)
from kinolog_client import JobEnded, JobInfo, JobSelection, JobUpdated, KinologClient, TimeSpan

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]
LOG_LINES = 10


@command
def jobs(
    status: Annotated[
        list[str] | None, typer.Option(help="Only jobs with this status; may be repeated.")
    ] = None,
    priority: Annotated[list[str] | None, typer.Option(help="Only jobs with this priority.")] = None,
    date_range: Annotated[
        str | None, typer.Option("--range", help="today, this_week, this_month or all_time.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only jobs with this model.")] = None,
    text: Annotated[str | None, typer.Option(help="Only jobs with this text in the prompt.")] = None,
    sort: Annotated[
        str, typer.Option(help="created_at, updated_at, progress, duration or priority.")
    ] = "created_at",
    order: Annotated[str, typer.Option(help="asc or desc.")] = "desc",
    limit: Annotated[int, typer.Option(help="The most jobs to show, 1 to 100.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="next_cursor of the page before.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List jobs, newest first."""
    context = current_context(as_json)
    selection = JobSelection(
        statuses=tuple(status or ()),
        priorities=tuple(priority or ()),
        models=(model,) if model else (),
        text=text or "",
        span=TimeSpan(date_range=date_range or ""),
    )
    with context.client() as client:
        page = client.jobs(selection, sort=sort, order=order, limit=limit, cursor=cursor)
    if context.as_json:
        context.print_json(page.to_json())
        return
    context.out.print(job_table(page.jobs))
    counts = "  ".join(f"{count} {name}" for name, count in page.summary.to_json().items() if count)
    context.out.print(counts or "no jobs yet; make one with `kinolog generate`", style="dim")
    if page.next_cursor:
        context.out.print(f"more: --cursor {page.next_cursor}", style="dim", soft_wrap=True)


@command
def show(job: JobArgument, as_json: JsonOption = False) -> None:
    """Show one job: its request, its progress, its files, and its last log lines."""
    context = current_context(as_json)
    with context.client() as client:
        found = client.status(job)
        logs = client.logs(job, limit=LOG_LINES)
    if context.as_json:
        context.print_json(found.to_json() | {"logs": [line.to_json() for line in logs.entries]})
        return
    context.out.print(_job_details(found))
    for line in logs.entries:
        context.out.print(f"  {line.level:<7} {line.message}", style="dim", markup=False)


def _job_details(job: JobInfo) -> Table:
    error, media = job.error, job.media
    return detail_table(
        [
            ("job", job.job_id),
            ("status", status_text(job.status)),
            ("prompt", job.prompt or "(erased)"),
            ("style", job.style),
            ("model", f"{job.model}, {job.size}, {job.frames} frames at {job.fps} per second"),
            ("seed", job.seed),
            ("priority", job.priority),
            ("progress", f"{job.percent:.0f} %" + (f", {job.stage}" if job.stage else "")),
            ("eta", duration(job.eta_seconds)),
            ("in the queue", job.queue_position),
            ("attempt", f"{job.attempt} by {job.worker}" if job.attempt else ""),
            ("submitted", f"{age(job.created_at)} ago by {job.actor}"),
            ("error", f"{error.code}: {error.message}" if error else ""),
            ("video", f"{media.width}x{media.height} {media.codec}" if media else ""),
            ("sha256", next((a.sha256 for a in job.artifacts if a.kind == "video"), "")),
        ]
    )


@command
def watch(job: JobArgument, as_json: JsonOption = False) -> ExitCode:
    """Follow one job live until it has ended; the exit code says how."""
    context = current_context(as_json)
    with context.client() as client:
        return BY_JOB_STATUS[watch_job(context, client, job).status]


def watch_job(context: CliContext, client: KinologClient, job_id: str) -> JobInfo:
    """Show a job live until it has ended. Return the job as it is then."""
    if context.as_json:
        for update in client.watch(job_id, logs=True):
            context.print_json(update.to_json())
        return client.status(job_id)
    with JobProgressBars(context.err) as bars:
        for update in client.watch(job_id):
            if isinstance(update, JobUpdated | JobEnded):
                bars.show(update.state)
        final = client.status(job_id)
        bars.show(final)
    return final


@command
def result(
    job: JobArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Save the video here.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a completed job made, or save its video."""
    context = current_context(as_json)
    saved: dict[str, str] = {}
    with context.client() as client:
        made = client.result(job)
        if output is not None:
            save_video(context, client, job, output)
            saved = {"saved": str(output)}
    if context.as_json:
        context.print_json(made.to_json() | saved)
        return
    media = made.media
    pairs = [("video", f"{media.width}x{media.height}, {media.frames} frames, {media.codec}")]
    pairs += [
        (artifact.kind, f"{artifact.sha256}  {artifact.size_bytes} bytes") for artifact in made.artifacts
    ]
    context.out.print(detail_table([*pairs, *saved.items()]))


def save_video(context: CliContext, client: KinologClient, job_id: str, path: Path) -> None:
    """Save a job's video under `path`, whole or not at all."""
    with Progress("saving", BarColumn(), DownloadColumn(), console=context.err, transient=True) as bar:
        task = bar.add_task("saving", total=None)
        try:
            client.download(
                job_id, path, on_progress=lambda done, size: bar.update(task, completed=done, total=size)
            )
        except OSError as error:
            text = f"cannot write {path}: {error.strerror}; choose another --output"
            raise CommandFailed(ExitCode.USAGE, text) from error


@command
def replay(
    job: JobArgument,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME|POSITION", help="Stop at this time or position.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a job's history from the log, and its state at the end or at an earlier moment."""
    context = current_context(as_json)
    with context.client() as client:
        history = client.history(job, as_of=at)
    if context.as_json:
        context.print_json(history.to_json())
        return
    context.out.print(history_table(history.commits))
    state = history.job
    if state is None:
        context.out.print("the job was not submitted yet", style="dim")
        return
    worker = f" by {state.worker}" if state.worker else ""
    context.out.print(
        f"{state.status}, attempt {state.attempt}{worker}, {state.version} events, position {state.position}",
        style="bold",
    )


@command
def models(as_json: JsonOption = False) -> None:
    """List the models that jobs can name."""
    context = current_context(as_json)
    with context.client() as client:
        listed = client.models()
    if context.as_json:
        context.print_json(listed.to_json())
        return
    for model in listed.models:
        mark = " (default)" if model.is_default else ""
        serving = f"{len(model.workers)} workers" if model.workers else "no worker serves it now"
        context.out.print(f"{model.name}{mark}: {model.description} {serving}.", markup=False)


@command
def workers(as_json: JsonOption = False) -> None:
    """List the workers that reported lately."""
    context = current_context(as_json)
    with context.client() as client:
        listed = client.workers()
    if context.as_json:
        context.print_json(listed.to_json())
        return
    for worker in listed.workers:
        work = f"{worker.job_id} {worker.stage or ''}" if worker.job_id else "idle"
        context.out.print(f"{worker.name}  {worker.device}  {work}", markup=False)
    if not listed.workers:
        context.out.print("no worker is there; queued jobs wait", style="yellow")
