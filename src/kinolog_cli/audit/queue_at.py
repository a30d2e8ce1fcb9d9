"""`kinolog audit queue`, `fleet` and `why`: where jobs were at a moment of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from kinolog.counts import counted
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.job_ids import JobArgument, job_id
from kinolog_cli.jobs.selection_options import moment_or_position
from kinolog_cli.output.columns import print_columns
from kinolog_cli.output.formats import local_time
from kinolog_client import CommitInfo, QueueAtInfo
from kinolog_client.models.history import JobPlaceInfo

AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME|POSITION", help="The moment: 2026-11-22, with T15:00, or 4711. Without it, now."
    ),
]
LimitOption = Annotated[int, typer.Option(help="The most jobs to show, 1 to 1000.", min=1, max=1000)]

RULE = (
    "Lanes take turns, 8 to 4 to 2 to 1 for critical, high, medium and low; in a lane the job starts first that was "
    "queued first. Tenants share each lane by their weights, a lane that waits for minutes gains weight, and a worker "
    "that has the model loaded may get a job before its turn: docs/queue.md."
)


@command
def queue(at: AtOption = None, limit: LimitOption = 100, as_json: JsonOption = False) -> None:
    """Show the queue as it was: its jobs in their order, their priorities and pauses."""
    context = current_context(as_json)
    with context.client() as client:
        state = client.queue_at(moment_or_position("--at", at), limit=limit)
    if context.as_json:
        context.print_json(state.to_json())
        return
    _print_moment(context, state, f"{counted(state.queued_total, 'job')} queued")
    if state.queued:
        print_columns(context.out, _QUEUE_HEADINGS, [_queue_row(place) for place in state.queued])


@command
def fleet(at: AtOption = None, limit: LimitOption = 100, as_json: JsonOption = False) -> None:
    """Show which workers ran which jobs."""
    context = current_context(as_json)
    with context.client() as client:
        state = client.queue_at(moment_or_position("--at", at), limit=limit)
    if context.as_json:
        context.print_json(state.to_json())
        return
    _print_moment(context, state, f"{counted(state.running_total, 'job')} running")
    if state.running:
        rows = [
            (
                place.worker,
                place.job_id,
                str(place.attempt),
                place.priority,
                place.model,
                local_time(place.since, "%Y-%m-%d %H:%M:%S"),
            )
            for place in state.running
        ]
        print_columns(context.out, ("worker", "job", "attempt", "priority", "model", "since"), rows)


@command
def why(
    job: JobArgument,
    attempt: Annotated[int, typer.Option(help="The attempt; 0 for the last one.", min=0)] = 0,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Say why a job started when it did: the jobs that waited then, in their order, and the rule."""
    context = current_context(as_json)
    with context.client() as client:
        known = job_id(client, job)
        start = _start(client.history(known).commits, attempt)
        if start is None:
            raise CommandFailed(ExitCode.REFUSED, f"job {known} has no attempt {attempt or ''}".rstrip())
        state = client.queue_at(start.position - 1, limit=1000)
    own = next((place for place in state.queued if place.job_id == known), None)
    rivals = [place for place in state.queued if place.jobs_before is not None]
    if context.as_json:
        facts = {"job_id": known, "started_position": start.position, "started_by": start.actor, "rule": RULE}
        context.print_json(
            facts | {"queue": state.to_json() | {"queued": [one.to_json() for one in rivals[:limit]]}}
        )
        return
    place = _place_before(own)
    waited = f"{counted(len(rivals), 'job')} of this tenant waited for a worker{place}"
    line = f"Position {start.position}: {start.actor} started {known}. {waited}."
    context.out.print(line, soft_wrap=True, markup=False)
    context.out.print(RULE, soft_wrap=True, markup=False, style="dim")
    rows = [_queue_row(one, own=known) for one in rivals[:limit]]
    if rows:
        print_columns(context.out, _QUEUE_HEADINGS, rows)


def _place_before(place: JobPlaceInfo | None) -> str:
    """Return what a sentence says of the place that a job had before it started."""
    if place is None:
        return ""
    if place.jobs_before is None:
        return f"; it waited for its time, {local_time(place.queued_at, '%Y-%m-%d %H:%M:%S')}"
    return f"; by weight alone {counted(place.jobs_before, 'job')} started before it"


def _start(commits: Sequence[CommitInfo], attempt: int) -> CommitInfo | None:
    """Return the commit that started an attempt; of 0 the last one. None if there is none."""
    starts = [
        (event.data.get("attempt"), commit)
        for commit in commits
        for event in commit.events
        if event.type == "attempt_started"
    ]
    found = [commit for number, commit in starts if not attempt or number == attempt]
    return found[-1] if found else None


_QUEUE_HEADINGS = ("place", "job", "priority", "queued", "model")


def _queue_row(place: JobPlaceInfo, own: str = "") -> tuple[str | Text, ...]:
    waits = "paused" if place.paused else "waits"
    number = waits if place.jobs_before is None else str(place.jobs_before + 1)
    style = "bold" if place.job_id == own else ""
    return (
        number,
        Text(place.job_id, style=style),
        place.priority,
        local_time(place.queued_at, "%Y-%m-%d %H:%M:%S"),
        place.model,
    )


def _print_moment(context: CliContext, state: QueueAtInfo, what: str) -> None:
    notes = context.out if context.out.is_terminal else context.err
    at = f", {local_time(state.at, '%Y-%m-%d %H:%M:%S')}" if state.at else ""
    notes.print(f"{what} at position {state.position}{at}", style="dim", markup=False)
