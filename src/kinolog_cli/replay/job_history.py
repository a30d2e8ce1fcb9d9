"""`kinolog replay JOB`: the history of one job."""

from __future__ import annotations

from typing import Any

from kinolog_cli.context import CliContext
from kinolog_cli.jobs.job_ids import job_id
from kinolog_cli.jobs.selection_options import moment_or_position
from kinolog_cli.output.columns import print_details
from kinolog_cli.output.formats import job_facts, status_text
from kinolog_cli.output.history import print_history
from kinolog_client import JobInfo


def replay_job(context: CliContext, job: str, at: str | None) -> None:
    """Print the history of a job up to a moment, and its state then. Raises `CommandFailed`, `GatewayError`."""
    as_of = moment_or_position("--at", at)
    with context.client() as client:
        history = client.history(job_id(client, job), as_of=as_of)
    if context.as_json:
        context.print_json(history.to_json())
        return
    state = history.job
    if state is None:
        context.out.print("the job was not submitted yet", style="dim")
        return
    print_history(context.out, history.commits)
    context.out.print()
    print_details(context.out, [("job", state.job_id), *_state(state)])


def _state(job: JobInfo) -> list[tuple[str, Any]]:
    """Return how a job stands after the last event that is shown, and what it makes."""
    worker = f" by {job.worker}" if job.worker else ""
    return [
        ("status", status_text(job.status)),
        ("attempt", f"{job.attempt}{worker}" if job.attempt else ""),
        *job_facts(job),
        ("events", f"{job.version}, the last at position {job.position}"),
    ]
