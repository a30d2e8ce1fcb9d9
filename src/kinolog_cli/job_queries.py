"""Commands that look: jobs, show, watch, result, replay, models, workers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress

from kinolog_cli.context import CliContext, JsonOption, begin, command
from kinolog_cli.exit_codes import BY_JOB_STATUS, ExitCode
from kinolog_cli.gateway import Gateway, GatewayError, Json
from kinolog_cli.job_progress import follow_job
from kinolog_cli.terminal_output import (
    JobProgress,
    ago,
    details,
    history_table,
    jobs_table,
    span,
    status_text,
)

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
    context = begin(as_json)
    params = {
        "status": ",".join(status) if status else None,
        "priority": ",".join(priority) if priority else None,
        "date_range": date_range,
        "model": model,
        "text": text,
        "sort": sort,
        "order": order,
        "limit": limit,
        "cursor": cursor,
    }
    with context.gateway() as gateway:
        page = gateway.get("/mcp/jobs", params)
    if context.as_json:
        context.print_json(page)
        return
    context.out.print(jobs_table(page["jobs"]))
    counts = "  ".join(f"{count} {name}" for name, count in page["summary"].items() if count)
    context.out.print(counts or "no jobs yet; make one with `kinolog generate`", style="dim")
    if page["next_cursor"]:
        context.out.print(f"more: --cursor {page['next_cursor']}", style="dim", soft_wrap=True)


@command
def show(job: JobArgument, as_json: JsonOption = False) -> None:
    """Show one job: what was asked, how far it is, what it made, and its last log lines."""
    context = begin(as_json)
    with context.gateway() as gateway:
        status = gateway.get(f"/mcp/status/{job}")
        logs = gateway.get(f"/mcp/logs/{job}", {"limit": LOG_LINES})
    if context.as_json:
        context.print_json(status | {"logs": logs["entries"]})
        return
    context.out.print(_about(status))
    for entry in logs["entries"]:
        context.out.print(f"  {entry['level']:<7} {entry['message']}", style="dim", markup=False)


def _about(job: Json) -> object:
    error, media = job.get("error"), job.get("media")
    return details(
        [
            ("job", job["job_id"]),
            ("status", status_text(job["status"])),
            ("prompt", job.get("prompt") or "(erased)"),
            ("style", job.get("style")),
            ("model", f"{job['model']}, {job['size']}, {job['frames']} frames at {job['fps']} per second"),
            ("seed", job["seed"]),
            ("priority", job["priority"]),
            ("progress", f"{job['percent']:.0f} %" + (f", {job['stage']}" if job.get("stage") else "")),
            ("eta", span(job.get("eta_seconds"))),
            ("in the queue", job.get("queue_position")),
            ("attempt", f"{job['attempt']} by {job['worker']}" if job["attempt"] else ""),
            ("submitted", f"{ago(job['created_at'])} ago by {job['actor']}"),
            ("error", f"{error['code']}: {error['message']}" if error else ""),
            ("video", f"{media['width']}x{media['height']} {media['codec']}" if media else ""),
            ("sha256", next((a["sha256"] for a in job["artifacts"] if a["kind"] == "video"), "")),
        ]
    )


@command
def watch(job: JobArgument, as_json: JsonOption = False) -> ExitCode:
    """Follow one job live until it has ended; the exit code says how."""
    context = begin(as_json)
    with context.gateway() as gateway:
        return BY_JOB_STATUS[watch_job(context, gateway, job)["status"]]


def watch_job(context: CliContext, gateway: Gateway, job_id: str) -> Json:
    """Show a job live until it has ended; answer it as it stands then."""
    if context.as_json:
        for message in follow_job(gateway, job_id, logs=True):
            context.print_json(message)
        return gateway.get(f"/mcp/status/{job_id}")
    with JobProgress(context.err) as bars:
        for message in follow_job(gateway, job_id):
            if "stages" in message["data"]:
                bars.show(message["data"])
        final = gateway.get(f"/mcp/status/{job_id}")
        bars.show(final)
    return final


@command
def result(
    job: JobArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Save the video here.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a completed job made, or save its video."""
    context = begin(as_json)
    with context.gateway() as gateway:
        made = gateway.get(f"/mcp/result/{job}")
        if output is not None:
            save_video(context, gateway, job, output)
            made = made | {"saved": str(output)}
    if context.as_json:
        context.print_json(made)
        return
    media = made["media"]
    pairs = [("video", f"{media['width']}x{media['height']}, {media['frames']} frames, {media['codec']}")]
    pairs += [
        (artifact["kind"], f"{artifact['sha256']}  {artifact['size_bytes']} bytes")
        for artifact in made["artifacts"]
    ]
    context.out.print(details([*pairs, ("saved", made.get("saved"))]))


def save_video(context: CliContext, gateway: Gateway, job_id: str, path: Path) -> None:
    """Save a job's video under `path`, whole or not at all."""
    partial = path.with_name(f".{path.name}.part")
    try:
        with (
            gateway.download(f"/mcp/result/{job_id}/video") as (size, chunks),
            partial.open("wb") as file,
            Progress("saving", BarColumn(), DownloadColumn(), console=context.err, transient=True) as bar,
        ):
            task = bar.add_task("saving", total=size)
            for chunk in chunks:
                file.write(chunk)
                bar.advance(task, len(chunk))
        partial.replace(path)
    except OSError as error:
        raise GatewayError(
            ExitCode.USAGE, f"cannot write {path}: {error.strerror}; choose another --output"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


@command
def replay(
    job: JobArgument,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME|POSITION", help="Stop at this time or position.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a job's history from the log, and its state at the end or at an earlier moment."""
    context = begin(as_json)
    with context.gateway() as gateway:
        history = gateway.get(f"/mcp/events/{job}", {"as_of": at})
    if context.as_json:
        context.print_json(history)
        return
    context.out.print(history_table(history["commits"]))
    state = history["job"]
    if state is None:
        context.out.print("the job was not submitted yet", style="dim")
        return
    worker = f" by {state['worker']}" if state.get("worker") else ""
    context.out.print(
        f"{state['status']}, attempt {state['attempt']}{worker}, {state['version']} events, "
        f"position {state['position']}",
        style="bold",
    )


@command
def models(as_json: JsonOption = False) -> None:
    """List the models that jobs can ask for."""
    context = begin(as_json)
    with context.gateway() as gateway:
        listed = gateway.get("/mcp/models")
    if context.as_json:
        context.print_json(listed)
        return
    for model in listed["models"]:
        mark = " (default)" if model["is_default"] else ""
        serving = f"{len(model['workers'])} workers" if model["workers"] else "no worker serves it now"
        context.out.print(f"{model['name']}{mark}: {model['description']} {serving}.", markup=False)


@command
def workers(as_json: JsonOption = False) -> None:
    """List the workers that are there."""
    context = begin(as_json)
    with context.gateway() as gateway:
        listed = gateway.get("/mcp/workers")
    if context.as_json:
        context.print_json(listed)
        return
    for worker in listed["workers"]:
        doing = f"{worker['job_id']} {worker['stage'] or ''}" if worker["job_id"] else "idle"
        context.out.print(f"{worker['name']}  {worker['device']}  {doing}", markup=False)
    if not listed["workers"]:
        context.out.print("no worker is there; queued jobs wait", style="yellow")
