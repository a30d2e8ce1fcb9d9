"""Commands that read one job, or what the service offers: show, result, storyboard, workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress

from kinolog.counts import counted
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.jobs.job_ids import JobArgument, job_id
from kinolog_cli.jobs.reproduction import comparison
from kinolog_cli.jobs.watch import print_log_lines
from kinolog_cli.output.columns import print_columns, print_details
from kinolog_cli.output.formats import (
    age,
    duration,
    job_facts,
    job_status,
    local_time,
    profile_figures,
    status_text,
    step_cache,
)
from kinolog_cli.output.places import checked_place, writes_standard_output, writing
from kinolog_client import InputInfo, JobInfo, KinologClient

LOG_LINES = 10


@command
def show(job: JobArgument, as_json: JsonOption = False) -> None:
    """Show one job: its request, its progress, its files, and its last log lines."""
    context = current_context(as_json)
    with context.client() as client:
        found = client.status(job_id(client, job))
        logs = client.logs(found.job_id, limit=LOG_LINES)
    if context.as_json:
        context.print_json(found.to_json() | {"logs": [line.to_json() for line in logs.entries]})
        return
    print_details(context.out, _details(found))
    print_log_lines(context.out, list(logs.entries))


def _details(job: JobInfo) -> list[tuple[str, Any]]:
    error, media = job.error, job.media
    return [
        ("job", job.job_id),
        ("status", job_status(job)),
        ("prompt", job.prompt or "(erased)"),
        *job_facts(job),
        ("variant", f"{job.variant} of job {job.variant_of}" if job.variant else ""),
        ("scenes", f"{job.scenes}, each goes on from the one before" if job.chained else ""),
        ("codec", f"{job.codec}, rate factor {job.crf}" if job.crf else job.codec),
        ("title", job.title),
        ("enlarged by", job.upscaler or ""),
        ("interpolated", f"to {job.interpolate_fps} fps" if job.interpolate_fps else ""),
        ("written by", job.prompt_writer or job.prompt_writer_trouble),
        ("priority", job.priority),
        ("progress", f"{job.percent:.0f} %" + (f", {job.stage}" if job.stage else "")),
        ("eta", duration(job.eta_seconds)),
        ("in the queue", job.queue_position),
        ("paused", f"{age(job.paused_at)} ago" if job.paused_at else ""),
        ("starts", f"not before {local_time(job.not_before)}" if job.not_before else ""),
        (
            "must start",
            f"before {local_time(job.start_before)}" if job.start_before and not job.attempt else "",
        ),
        ("attempt", f"{job.attempt} by {job.worker}" if job.attempt else ""),
        ("submitted", f"{age(job.created_at)} ago by {job.actor}"),
        *_profile(job),
        ("loras", ", ".join(f"{lora.name} {lora.weight:g}" for lora in job.loras)),
        *((f"input {number}", _input(one)) for number, one in enumerate(job.inputs, 1)),
        ("error", f"{error.code}: {error.message}" if error else ""),
        ("video", f"{media.width}x{media.height} {media.codec}" if media else ""),
        ("sound", media.sound if media else ""),
        *comparison(job),
        ("sha256", next((a.sha256 for a in job.artifacts if a.kind == "video"), "")),
    ]


def _profile(job: JobInfo) -> list[tuple[str, str]]:
    """Return the profile of a job, and how its clips compare with those of exact, as far as that is known."""
    if job.profile in ("", "exact"):
        return []
    used = next((one.profile for one in reversed(job.attempts) if one.profile is not None), None)
    cache = f", {step_cache(job.cache)}" if job.cache is not None else ""
    pairs = [("profile", f"{job.profile}{cache}")]
    return pairs if used is None else [*pairs, ("compared with exact", profile_figures(used))]


def _input(one: InputInfo) -> str:
    """Return what a job starts from: role, type and size."""
    pixels = f", {one.width}x{one.height}" if one.width else ""
    return f"{one.role or 'unknown'}: {one.media_type}, {counted(one.size_bytes, 'byte')}{pixels}"


@command
def result(
    job: JobArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Save the video here; - for standard output.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a completed job made, or save its video."""
    context = current_context(as_json)
    place = None if output is None else checked_place(output)
    saved: dict[str, str] = {}
    with context.client() as client:
        whole = job_id(client, job)
        made = client.result(whole)
        if place is not None:
            save_video(context, client, whole, place)
            if writes_standard_output(place):
                return  # the video is all that its reader wants
            saved = {"saved": str(output)}
    if context.as_json:
        context.print_json(made.to_json() | saved)
        return
    media = made.media
    pairs = [("video", f"{media.width}x{media.height}, {counted(media.frames, 'frame')}, {media.codec}")]
    pairs += [("sound", media.sound)] if media.sound else []
    pairs += [
        (artifact.kind, f"{artifact.sha256}  {counted(artifact.size_bytes, 'byte')}")
        for artifact in made.artifacts
    ]
    signed = any(artifact.signed_by for artifact in made.artifacts)
    pairs.append(("signed", "yes; `kinolog verify FILE` says what made it" if signed else "no"))
    print_details(context.out, [*pairs, *saved.items()])


def save_video(context: CliContext, client: KinologClient, job_id: str, path: Path) -> None:
    """Save a job's video at a checked place, whole or not at all."""
    advice = f"save it elsewhere: kinolog result {job_id} -o FILE"
    with saving_bar(context) as on_progress, writing(path, advice):
        client.download(job_id, path, on_progress=on_progress)


@contextmanager
def saving_bar(context: CliContext) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar while a file is saved. Yields what to call with the bytes received and the size, if it is known."""
    with Progress("saving", BarColumn(), DownloadColumn(), console=context.err, transient=True) as bar:
        task = bar.add_task("saving", total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)


@command
def storyboard(job: JobArgument, as_json: JsonOption = False) -> None:
    """Show the scenes of a job: when they begin, how they are filmed, and what they show."""
    context = current_context(as_json)
    with context.client() as client:
        board = client.storyboard(job_id(client, job))
    if context.as_json:
        context.print_json(board.to_json())
        return
    rows = [
        (
            str(scene.index + 1),
            f"{scene.start_seconds:.1f} s",
            f"{scene.duration_seconds:.1f} s",
            scene.transition,
            scene.camera,
            status_text(scene.status),
            scene.prompt or "(erased)",
        )
        for scene in board.scenes
    ]
    headings = ("scene", "from", "length", "begins by", "camera", "status", "prompt")
    print_columns(context.out, headings, rows, fold=True)


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
        work = f"{worker.job_id} {worker.stage or ''}" if worker.job_id else worker.problem or "idle"
        beside = f"  beside: {worker.other_job_id}" if worker.other_job_id else ""
        at_servers = [job_id for job_id in worker.server_job_ids if job_id != worker.job_id]
        beside += f"  at servers: {', '.join(at_servers)}" if at_servers else ""
        warm = f"  warm: {', '.join(worker.loaded_models)}" if worker.loaded_models else ""
        context.out.print(f"{worker.name}  {worker.device}  {work}{beside}{warm}", markup=False)
    if not listed.workers:
        context.out.print("no worker is there; queued jobs wait", style="yellow")
