"""`kinolog erase`: one job, or all jobs of a tenant, or those older than an age."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kinolog.counts import counted
from kinolog.durations import written_length
from kinolog.ids import is_job_id, new_id
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.erasures.certificate_file import save_certificates
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.job_ids import job_id
from kinolog_cli.output.places import checked_place
from kinolog_client import BulkInfo, JobSelection, KinologClient, TimeSpan

ENDED = ("completed", "failed", "cancelled")
LIVE = ("queued", "processing")


@command
def erase(
    job: Annotated[
        str | None, typer.Argument(metavar="[JOB]", help="Id of the job, or its beginning; else --tenant.")
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(
            help="All jobs of this tenant, which must be that of your key, with its schedules and webhooks unless "
            "--older-than is given."
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Only jobs that were submitted longer ago, such as 90d or 12h."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be erased, and erase nothing.")
    ] = False,
    certificate: Annotated[
        Path | None,
        typer.Option(help="Wait for the signed certificates of the erasure, and write them to this file."),
    ] = None,
    erasure: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Go on with an interrupted erasure, which said this id.", show_default=False
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Erase the prompts and files of jobs that have ended, for good. Their history without them stays.

    Give a job, or select jobs with --tenant or --older-than. An interrupted erasure goes on when the command is
    given again.
    """
    context = current_context(as_json)
    if (job is None) is (tenant is None and older_than is None):
        raise CommandFailed(ExitCode.USAGE, "give a job, or --tenant or --older-than, not both")
    place = None if certificate is None else checked_place(certificate)
    erasure_id = erasure or new_id()
    if not is_job_id(erasure_id):
        raise CommandFailed(ExitCode.USAGE, f"--erasure: {erasure!r} must be an id of 26 letters and digits")
    with context.client() as client:
        if job is not None:
            return _erase_one(context, client, job, erasure_id, place, dry_run=dry_run, yes=yes)
        plan = _plan(client, tenant, older_than)
        if dry_run:
            _print_plan(context, plan)
            return ExitCode.OK
        if not plan.is_empty and not yes and not typer.confirm(f"Erase for good: {plan.text}?", err=True):
            return ExitCode.CANCELLED
        context.print_note(f"erasure {erasure_id}")
        outcome = _erase_all(context, client, plan, erasure_id)
        if place is not None and outcome.erased:
            save_certificates(
                context, client, place, job_id=outcome.last_job, jobs=outcome.erased, erasure_id=erasure_id
            )
    _print_outcome(context, plan, outcome, erasure_id)
    return ExitCode.REFUSED if outcome.refused or plan.live else ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasurePlan:
    """What is to be erased. `live` jobs have not ended, and stay."""

    selection: JobSelection
    jobs: int
    live: int
    schedules: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be erased."""
        return not (self.jobs or self.schedules or self.webhooks)

    @property
    def text(self) -> str:
        """What is to be erased, in words."""
        parts = [f"the prompts and files of {counted(self.jobs, 'job')}"]
        parts += [counted(len(self.schedules), "schedule")] if self.schedules else []
        parts += [counted(len(self.webhooks), "webhook")] if self.webhooks else []
        return ", ".join(parts)


@dataclass(slots=True)
class ErasureOutcome:
    """What was erased, and why other jobs were refused."""

    erased: int = 0
    last_job: str = ""
    """The one whose erasure ended last."""
    refused: dict[str, str] = field(default_factory=dict)


def _erase_one(
    context: CliContext,
    client: KinologClient,
    job: str,
    erasure_id: str,
    place: Path | None,
    *,
    dry_run: bool,
    yes: bool,
) -> ExitCode:
    whole = job_id(client, job)
    if dry_run:
        known = client.status(whole)
        if known.erased or known.status in ENDED:
            text = "is erased already" if known.erased else "would be erased"
        else:
            text = f"is {known.status}; cancel it before you erase it"
        context.out.print(f"job {whole} {text}", markup=False)
        return ExitCode.OK
    if not yes and not typer.confirm(f"Erase the prompts and files of job {whole} for good?", err=True):
        return ExitCode.CANCELLED
    answer = client.erase(whole, erasure_id=erasure_id)
    if place is not None:
        save_certificates(context, client, place, job_id=whole)
    if context.as_json:
        context.print_json(answer.to_json())
    else:
        context.out.print(f"job {whole} is erased", markup=False)
    return ExitCode.OK


def _plan(client: KinologClient, tenant: str | None, older_than: str | None) -> ErasurePlan:
    """Return what the options select. Raises `CommandFailed` for a key of another tenant."""
    if tenant is not None and (own := client.who_am_i().tenant) != tenant:
        raise CommandFailed(
            ExitCode.USAGE,
            f"your key is of tenant {own!r}, not {tenant!r}; give a key of that tenant with --api-key",
        )
    span = TimeSpan(date_range="all_time")
    if older_than is not None:
        age = written_length(older_than)
        if not age:
            raise CommandFailed(
                ExitCode.USAGE, f"--older-than: {older_than!r} must be an age, such as 90d or 12h"
            )
        try:
            span = TimeSpan(end=datetime.now(UTC) - age)
        except OverflowError:
            raise CommandFailed(ExitCode.USAGE, f"--older-than: {older_than} is before all time") from None
    selection = JobSelection(statuses=ENDED, span=span)
    summary = client.jobs(JobSelection(statuses=LIVE, span=span), limit=1).summary
    with_others = tenant is not None and older_than is None
    return ErasurePlan(
        selection=selection,
        jobs=client.bulk("erase", selection=selection, dry_run=True).remaining,
        live=summary.queued + summary.processing,
        schedules=tuple(one.schedule_id for one in client.schedules().schedules) if with_others else (),
        webhooks=tuple(one.webhook_id for one in client.webhooks().webhooks if one.address)
        if with_others
        else (),
    )


def _erase_all(
    context: CliContext, client: KinologClient, plan: ErasurePlan, erasure_id: str
) -> ErasureOutcome:
    """Erase what is planned, a page of 1,000 jobs at a time."""
    outcome = ErasureOutcome()
    for schedule in plan.schedules:
        client.delete_schedule(schedule)
    for webhook in plan.webhooks:
        client.delete_webhook(webhook)
    bars = Progress(
        TextColumn("erased"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=context.err,
    )
    with bars:
        task = bars.add_task("", total=plan.jobs)
        for page in _pages(client, plan.selection, erasure_id):
            outcome.erased += page.succeeded
            if done := [(one.position or 0, one.job_id) for one in page.results if one.ok]:
                _, outcome.last_job = max(done)
            outcome.refused |= {
                one.job_id: (one.error or {}).get("detail") or "refused" for one in page.results if not one.ok
            }
            bars.update(task, completed=outcome.erased, total=max(plan.jobs, outcome.erased))
    return outcome


def _pages(client: KinologClient, selection: JobSelection, erasure_id: str) -> Iterator[BulkInfo]:
    """Erase page after page until none follows, or one has no job that was erased."""
    while True:
        page = client.bulk("erase", selection=selection, erasure_id=erasure_id)
        yield page
        if not page.succeeded or not page.remaining:
            return
        client.jobs(limit=1, min_position=page.position)  # the next page is of lists that show what is erased


def _print_plan(context: CliContext, plan: ErasurePlan) -> None:
    if context.as_json:
        context.print_json(
            {
                "jobs": plan.jobs,
                "not_ended": plan.live,
                "schedules": len(plan.schedules),
                "webhooks": len(plan.webhooks),
            }
        )
        return
    context.out.print(f"would erase {plan.text}", markup=False, highlight=False)
    _print_live(context, plan)


def _print_outcome(context: CliContext, plan: ErasurePlan, outcome: ErasureOutcome, erasure_id: str) -> None:
    for job, why in outcome.refused.items():
        context.print_error(f"{job}: {why}")
    if context.as_json:
        context.print_json(
            {
                "erasure_id": erasure_id,
                "erased": outcome.erased,
                "refused": len(outcome.refused),
                "not_ended": plan.live,
                "schedules": len(plan.schedules),
                "webhooks": len(plan.webhooks),
            }
        )
        return
    context.out.print(f"erased {counted(outcome.erased, 'job')}", markup=False, highlight=False)
    _print_live(context, plan)


def _print_live(context: CliContext, plan: ErasurePlan) -> None:
    if plan.live:
        verb = "has" if plan.live == 1 else "have"
        context.print_note(
            f"{counted(plan.live, 'job')} {verb} not ended and {'stays' if plan.live == 1 else 'stay'}: cancel "
            "with kinolog bulk cancel, and give the command again"
        )
