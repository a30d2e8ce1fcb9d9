"""Commands that change one job: cancel, retry, priority, pause, resume, prefetch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.jobs.job_ids import JobArgument, job_id
from kinolog_client import CommandInfo, KinologClient


@command
def cancel(
    job: JobArgument,
    reason: Annotated[str | None, typer.Option(help="Why; stored in the history.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel a job: at once when it waits, at the next step when it runs."""
    _command_job(current_context(as_json), job, lambda client, whole: client.cancel(whole, reason=reason))


@command
def retry(job: JobArgument, as_json: JsonOption = False) -> None:
    """Put a failed or cancelled job into the queue again."""
    _command_job(current_context(as_json), job, lambda client, whole: client.retry(whole))


@command
def priority(
    job: JobArgument,
    priority: Annotated[str, typer.Argument(metavar="PRIORITY", help="low, medium, high or critical.")],
    as_json: JsonOption = False,
) -> None:
    """Give a job another priority."""
    _command_job(current_context(as_json), job, lambda client, whole: client.reprioritize(whole, priority))


@command
def pause(job: JobArgument, as_json: JsonOption = False) -> None:
    """Pause a job: it does not start, and stops at its next step when it runs. It keeps what is drawn."""
    _command_job(current_context(as_json), job, lambda client, whole: client.pause(whole))


@command
def resume(job: JobArgument, as_json: JsonOption = False) -> None:
    """Let a paused job go on where it was."""
    _command_job(current_context(as_json), job, lambda client, whole: client.resume(whole))


@command
def prefetch(job: JobArgument, as_json: JsonOption = False) -> None:
    """Load the model and encode the prompt of a queued job before it starts."""
    _command_job(current_context(as_json), job, lambda client, whole: client.prefetch(whole))


def _command_job(context: CliContext, job: str, send: Callable[[KinologClient, str], CommandInfo]) -> None:
    with context.client() as client:
        answer = send(client, job_id(client, job))
    ending = ", cancelling" if answer.job.cancel_requested and answer.status == "processing" else ""
    if answer.job.paused_at is not None and not ending:
        ending = ", stopping at its next step" if answer.status == "processing" else ", paused"
    text = f"job {answer.job_id} is {answer.status}{ending}, priority {answer.job.priority}"
    _print_answer(context, answer, text)


def _print_answer(context: CliContext, answer: CommandInfo, text: str) -> None:
    """Print the answer for a program, or the text for a person."""
    if context.as_json:
        context.print_json(answer.to_json())
    else:
        context.out.print(text, markup=False)
