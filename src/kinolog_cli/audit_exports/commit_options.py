"""Options that select commits, the same in every command that exports them."""

from __future__ import annotations

from typing import Annotated

import typer

from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.job_ids import job_id
from kinolog_cli.jobs.selection_options import moment
from kinolog_client import CommitSelection, KinologClient

SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="From this time on: 2026-11-22, or with T15:00."),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Before this time; a day is included whole.")
]
FromOption = Annotated[
    int | None, typer.Option("--from", metavar="POSITION", min=1, help="From this position of the log on.")
]
ToOption = Annotated[
    int | None, typer.Option("--to", metavar="POSITION", min=1, help="Up to this position, inclusive.")
]
ActorOption = Annotated[str, typer.Option("--actor", help="Only what this actor did.")]
TenantOption = Annotated[
    str,
    typer.Option(
        "--tenant",
        help="The tenant; without it that of your key. '*' stands for every tenant, for operators.",
    ),
]


def commit_selection(
    *,
    since: str | None,
    until: str | None,
    first: int | None,
    last: int | None,
    actor: str,
    tenant: str,
) -> CommitSelection:
    """Return the selection of the options. Raises `CommandFailed` for a text that is no time."""
    start = moment("--since", since, end_of_day=False)
    end = moment("--until", until, end_of_day=True)
    if start is not None and end is not None and end <= start:
        raise CommandFailed(ExitCode.USAGE, "--until must be later than --since")
    if first is not None and last is not None and last < first:
        raise CommandFailed(ExitCode.USAGE, "--to must not be before --from")
    return CommitSelection(
        first_position=first, last_position=last, since=start, until=end, actor=actor, tenant=tenant
    )


def whole_job_id(client: KinologClient, job: str | None) -> str:
    """Return the id of the job whose id is `job` or begins with it; empty for none. Raises `CommandFailed`."""
    return "" if job is None else job_id(client, job)
