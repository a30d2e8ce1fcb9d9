"""Commands that change something: generate, cancel, retry, priority, prefetch, erase."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.exit_codes import BY_JOB_STATUS, ExitCode
from kinolog_cli.job_queries import JobArgument, save_video, watch_job
from kinolog_client import CommandInfo, JobInfo, KinologClient, VideoRequest


@command
def generate(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What the video shall show.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Wait, and save the video here.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Wait, and show the progress.")] = False,
    priority: Annotated[str | None, typer.Option(help="low, medium, high or critical.")] = None,
    style: Annotated[str | None, typer.Option(help="One of the styles that the model knows.")] = None,
    duration: Annotated[float | None, typer.Option(help="Length in seconds.")] = None,
    model: Annotated[str | None, typer.Option(help="Name of a model, see `kinolog models`.")] = None,
    size: Annotated[str | None, typer.Option(help="Size as WIDTHxHEIGHT.")] = None,
    frames: Annotated[int | None, typer.Option(help="Number of frames, instead of a duration.")] = None,
    fps: Annotated[int | None, typer.Option(help="Frames per second.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale; 1 turns guidance off.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the same one gives the same video.")] = None,
    negative: Annotated[str | None, typer.Option(help="What the video shall not show.")] = None,
    request_id: Annotated[
        str | None, typer.Option(help="Submitting twice with the same id makes one job.")
    ] = None,
    as_json: JsonOption = False,
) -> ExitCode:
    """Submit a prompt; with --watch or --output, wait for the video."""
    context = current_context(as_json)
    request = VideoRequest(
        prompt=prompt,
        priority=priority,
        style=style,
        duration=duration,
        model=model,
        size=size,
        frames=frames,
        fps=fps,
        steps=steps,
        guidance=guidance,
        seed=seed,
        negative_prompt=negative,
    )
    with context.client() as client:
        answer = client.submit(request, request_id=request_id)
        if not (watch or output):
            _print_answer(context, answer, f"job {answer.job_id} is {answer.status}")
            return ExitCode.OK
        return _watch_and_save(context, client, answer.job_id, output)


def _watch_and_save(context: CliContext, client: KinologClient, job_id: str, output: Path | None) -> ExitCode:
    """Watch a job to its end, save its video, and print how it ended."""
    final = watch_job(context, client, job_id)
    code = BY_JOB_STATUS[final.status]
    if code is ExitCode.OK and output is not None:
        save_video(context, client, job_id, output)
    if context.as_json:
        saved = {"saved": str(output)} if code is ExitCode.OK and output else {}
        context.print_json(final.to_json() | saved)
    elif code is ExitCode.OK:
        where = f" and saved as {output}" if output else ""
        context.out.print(f"job {job_id} is completed{where}", markup=False)
    else:
        context.print_error(f"job {job_id} is {final.status}: {error_message(final)}")
    return code


def error_message(job: JobInfo) -> str:
    """Return why a job failed; empty if it did not."""
    return job.error.message if job.error is not None else ""


@command
def cancel(
    job: JobArgument,
    reason: Annotated[str | None, typer.Option(help="Why; stored in the history.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel a job: at once when it waits, at the next step when it runs."""
    _command_job(current_context(as_json), lambda client: client.cancel(job, reason=reason))


@command
def retry(job: JobArgument, as_json: JsonOption = False) -> None:
    """Put a failed or cancelled job into the queue again."""
    _command_job(current_context(as_json), lambda client: client.retry(job))


@command
def priority(
    job: JobArgument,
    priority: Annotated[str, typer.Argument(metavar="PRIORITY", help="low, medium, high or critical.")],
    as_json: JsonOption = False,
) -> None:
    """Give a job another priority."""
    _command_job(current_context(as_json), lambda client: client.reprioritize(job, priority))


@command
def prefetch(job: JobArgument, as_json: JsonOption = False) -> None:
    """Load the model and encode the prompt of a queued job before it starts."""
    _command_job(current_context(as_json), lambda client: client.prefetch(job))


@command
def erase(
    job: JobArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Erase the prompts and files of a job that has ended, for good. Its history without them stays."""
    context = current_context(as_json)
    if not yes and not typer.confirm(f"Erase the prompts and files of job {job} for good?"):
        return ExitCode.CANCELLED
    with context.client() as client:
        answer = client.erase(job)
    _print_answer(context, answer, f"job {job} is erased")
    return ExitCode.OK


def _command_job(context: CliContext, send: Callable[[KinologClient], CommandInfo]) -> None:
    with context.client() as client:
        answer = send(client)
    ending = ", cancelling" if answer.job.cancel_requested and answer.status == "processing" else ""
    text = f"job {answer.job_id} is {answer.status}{ending}, priority {answer.job.priority}"
    _print_answer(context, answer, text)


def _print_answer(context: CliContext, answer: CommandInfo, text: str) -> None:
    """Print the answer for a program, or the text for a person."""
    if context.as_json:
        context.print_json(answer.to_json())
    else:
        context.out.print(text, markup=False)
