"""`kinolog bulk`: one command for many jobs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from kinolog.counts import counted
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.job_ids import job_id
from kinolog_cli.jobs.selection_options import (
    FromOption,
    ModelOption,
    PriorityOption,
    RangeOption,
    StatusOption,
    StyleOption,
    TextOption,
    ToOption,
    VariantOfOption,
    job_selection,
    of_whole_group,
    time_span,
)
from kinolog_client import BulkInfo, JobSelection, KinologClient


class BulkAction(StrEnum):
    """What is done with each job."""

    CANCEL = "cancel"
    RETRY = "retry"
    REPRIORITIZE = "reprioritize"
    PAUSE = "pause"
    RESUME = "resume"
    ERASE = "erase"


_STATUSES = {
    BulkAction.CANCEL: ("queued", "processing"),
    BulkAction.RETRY: ("failed", "cancelled"),
    BulkAction.REPRIORITIZE: ("queued", "processing"),
    BulkAction.PAUSE: ("queued", "processing"),
    BulkAction.RESUME: ("queued", "processing"),
    BulkAction.ERASE: ("completed", "failed", "cancelled"),
}
"""Statuses in which a job accepts the action. A filter that names no status selects these."""
MOST_JOBS = 1_000
"""Jobs of one bulk command."""


@command
def bulk(
    action: Annotated[
        BulkAction,
        typer.Argument(metavar="ACTION", help="cancel, retry, reprioritize, pause, resume or erase."),
    ],
    jobs: Annotated[
        list[str] | None, typer.Argument(metavar="[JOB]...", help="Ids, or their beginnings; else a filter.")
    ] = None,
    status: StatusOption = None,
    priority: PriorityOption = None,
    date_range: RangeOption = None,
    start: FromOption = None,
    end: ToOption = None,
    model: ModelOption = None,
    style: StyleOption = None,
    text: TextOption = None,
    variant_of: VariantOfOption = None,
    every: Annotated[bool, typer.Option("--all", help="Every job that accepts the action.")] = False,
    new_priority: Annotated[
        str | None, typer.Option("--to-priority", help="The new priority, for reprioritize.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for cancel; stored in the history.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Cancel, retry, reprioritize, pause, resume or erase jobs: by ids, or the first 1,000 of a filter."""
    context = current_context(as_json)
    span = time_span(date_range, start, end)
    selection = job_selection(
        status=status,
        priority=priority,
        model=model,
        style=style,
        text=text,
        span=span,
        variant_of=variant_of,
    )
    filtered = every or selection != JobSelection()
    if bool(jobs) is filtered:
        raise CommandFailed(
            ExitCode.USAGE, "give job ids, or a filter such as --status queued, or --all; one of them"
        )
    if (action is BulkAction.REPRIORITIZE) is (new_priority is None):
        raise CommandFailed(ExitCode.USAGE, "reprioritize needs --to-priority, and nothing else takes it")
    with context.client() as client:
        if jobs:
            ids, chosen = [job_id(client, job) for job in jobs], None
            count = len(set(ids))
        else:
            ids, chosen = None, _with_statuses(of_whole_group(client, selection), action)
            count = _count(client, chosen)
        if count == 0:
            context.print_note("no job matches")
            return ExitCode.OK
        if not yes and not _confirmed(action, count):
            return ExitCode.CANCELLED
        done = client.bulk(action.value, ids, selection=chosen, priority=new_priority, reason=reason)
    return _print_outcome(context, action, done)


def _with_statuses(selection: JobSelection, action: BulkAction) -> JobSelection:
    """Return the selection without jobs that would refuse the action because of their status."""
    return replace(selection, statuses=selection.statuses or _STATUSES[action])


def _count(client: KinologClient, selection: JobSelection) -> int:
    summary = client.jobs(selection, limit=1).summary
    return sum(int(getattr(summary, status, 0)) for status in dict.fromkeys(selection.statuses))


def _confirmed(action: BulkAction, count: int) -> bool:
    """Ask before many jobs are changed; an erase is for good."""
    jobs = "1 job" if count == 1 else f"{count:,} jobs"
    first = f" The first {MOST_JOBS:,} of them are done." if count > MOST_JOBS else ""
    good = " Their prompts and files are gone for good." if action is BulkAction.ERASE else ""
    return typer.confirm(f"{action.value.capitalize()} {jobs}?{first}{good}", err=True)


def _print_outcome(context: CliContext, action: BulkAction, done: BulkInfo) -> ExitCode:
    refused = [result for result in done.results if not result.ok]
    if context.as_json:
        context.print_json(done.to_json())
    else:
        for result in refused:
            why = (result.error or {}).get("detail") or "refused"
            context.print_error(f"{result.job_id}: {why}")
        statuses = Counter(result.status for result in done.results if result.ok)
        now = ", ".join(f"{number} {status}" for status, number in sorted(statuses.items(), key=str))
        context.out.print(
            f"{action.value}: {len(done.results) - len(refused)} of {counted(len(done.results), 'job')}"
            + (f" ({now})" if now else ""),
            markup=False,
        )
        if done.remaining:
            context.print_note(
                f"{done.remaining:,} {'is' if done.remaining == 1 else 'are'} left; run the command again"
            )
    return ExitCode.REFUSED if refused else ExitCode.OK
