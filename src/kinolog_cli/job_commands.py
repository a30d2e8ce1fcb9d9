"""Commands that change something: generate, cancel, retry, priority, prefetch, erase."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kinolog.ids import new_id
from kinolog_cli.context import CliContext, JsonOption, begin, command
from kinolog_cli.exit_codes import BY_JOB_STATUS, ExitCode
from kinolog_cli.gateway import Gateway, Json
from kinolog_cli.job_queries import JobArgument, save_video, watch_job


@command
def generate(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What the video shall show.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Wait, and save the video here.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Wait, and show how it gets on.")] = False,
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
    context = begin(as_json)
    asked = {
        "prompt": prompt,
        "priority": priority,
        "style": style,
        "duration": duration,
        "model": model,
        "size": size,
        "frames": frames,
        "fps": fps,
        "steps": steps,
        "guidance": guidance,
        "seed": seed,
        "negative_prompt": negative,
        "request_id": request_id or new_id(),
    }
    with context.gateway() as gateway:
        answer = gateway.post(
            "/mcp/generate", {name: value for name, value in asked.items() if value is not None}
        )
        if not (watch or output):
            _say(context, answer, f"job {answer['job_id']} is {answer['status']}")
            return ExitCode.OK
        return _wait(context, gateway, answer["job_id"], output)


def _wait(context: CliContext, gateway: Gateway, job_id: str, output: Path | None) -> ExitCode:
    """Watch a job to its end and save its video; say how it ended."""
    final = watch_job(context, gateway, job_id)
    code = BY_JOB_STATUS[final["status"]]
    if code is ExitCode.OK and output is not None:
        save_video(context, gateway, job_id, output)
    if context.as_json:
        context.print_json(final | ({"saved": str(output)} if code is ExitCode.OK and output else {}))
    elif code is ExitCode.OK:
        where = f" and saved as {output}" if output else ""
        context.out.print(f"job {job_id} is completed{where}", markup=False)
    else:
        error = final.get("error") or {}
        context.err.print(
            f"job {job_id} is {final['status']}: {error.get('message', '')}", style="red", markup=False
        )
    return code


@command
def cancel(
    job: JobArgument,
    reason: Annotated[str | None, typer.Option(help="Why; kept in the history.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel a job: at once when it waits, at the next step when it runs."""
    _post(begin(as_json), f"/mcp/cancel/{job}", {"reason": reason} if reason else {})


@command
def retry(job: JobArgument, as_json: JsonOption = False) -> None:
    """Put a failed or cancelled job into the queue again."""
    _post(begin(as_json), f"/mcp/retry/{job}", {})


@command
def priority(
    job: JobArgument,
    priority: Annotated[str, typer.Argument(metavar="PRIORITY", help="low, medium, high or critical.")],
    as_json: JsonOption = False,
) -> None:
    """Give a job another priority."""
    _post(begin(as_json), f"/mcp/priority/{job}", {"priority": priority})


@command
def prefetch(job: JobArgument, as_json: JsonOption = False) -> None:
    """Warm up what a queued job needs."""
    _post(begin(as_json), f"/mcp/prefetch/{job}", {})


@command
def erase(
    job: JobArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Erase the prompts and files of a job that has ended, for good. Its history without them stays."""
    context = begin(as_json)
    if not yes and not typer.confirm(f"Erase the prompts and files of job {job} for good?"):
        return ExitCode.CANCELLED
    with context.gateway() as gateway:
        answer = gateway.delete(f"/mcp/jobs/{job}")
    _say(context, answer, f"job {job} is erased")
    return ExitCode.OK


def _post(context: CliContext, path: str, body: Json) -> None:
    with context.gateway() as gateway:
        answer = gateway.post(path, body)
    about = answer["job"]
    doing = ", cancelling" if about.get("cancel_requested") and answer["status"] == "processing" else ""
    _say(
        context, answer, f"job {answer['job_id']} is {answer['status']}{doing}, priority {about['priority']}"
    )


def _say(context: CliContext, answer: Json, words: str) -> None:
    """Print the answer for a program, or the words for a person."""
    if context.as_json:
        context.print_json(answer)
    else:
        context.out.print(words, markup=False)
