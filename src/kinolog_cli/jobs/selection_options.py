"""Options that select jobs, the same in every command that takes several."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

import typer

from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.job_ids import job_id
from kinolog_client import JobSelection, KinologClient, TimeSpan

StatusOption = Annotated[
    list[str] | None, typer.Option("--status", help="Only jobs with this status; may be repeated.")
]
PriorityOption = Annotated[list[str] | None, typer.Option("--priority", help="Only jobs with this priority.")]
ModelOption = Annotated[str | None, typer.Option("--model", help="Only jobs with this model.")]
StyleOption = Annotated[str | None, typer.Option("--style", help="Only jobs with this style.")]
TextOption = Annotated[
    str | None, typer.Option("--text", help="Only jobs with this text in the prompt or the id.")
]
VariantOfOption = Annotated[
    str | None,
    typer.Option(
        "--variant-of",
        metavar="JOB",
        help="Only the variants of one request: the id of any of them, or its beginning.",
    ),
]
RangeOption = Annotated[
    str | None,
    typer.Option(
        "--range",
        help="today, this_week, this_month (days of this machine's clock), last_24_hours, last_7_days, last_30_days"
        " or all_time.",
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="TIME", help="Only jobs of this time or later: 2026-11-22, or with T15:00."
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="Only jobs before this time; a day is included whole."),
]


def time_span(date_range: str | None, start: str | None, end: str | None) -> TimeSpan:
    """Return the span of the options. Raises `CommandFailed` for a text that is no time."""
    return TimeSpan(
        date_range=date_range or "",
        start=moment("--from", start, end_of_day=False),
        end=moment("--to", end, end_of_day=True),
    )


def span_since(start: str) -> TimeSpan:
    """Return the span from the time of `--since` until now. Raises `CommandFailed` for a text that is no time."""
    return TimeSpan(start=moment("--since", start, end_of_day=False))


def job_selection(
    *,
    status: list[str] | None,
    priority: list[str] | None,
    model: str | None,
    style: str | None,
    text: str | None,
    span: TimeSpan,
    variant_of: str | None = None,
) -> JobSelection:
    """Return the selection of the options."""
    return JobSelection(
        statuses=tuple(status or ()),
        priorities=tuple(priority or ()),
        models=(model,) if model else (),
        styles=(style,) if style else (),
        text=text or "",
        span=span,
        variant_of=variant_of or "",
    )


def of_whole_group(client: KinologClient, selection: JobSelection) -> JobSelection:
    """Return the selection with the id of the first variant, where it has that of any. A single job is no group."""
    if not selection.variant_of:
        return selection
    job = client.status(job_id(client, selection.variant_of))
    if not job.variant_of:
        raise CommandFailed(
            ExitCode.USAGE, f"--variant-of: {job.job_id} is a single job; no other job is a variant of it"
        )
    return replace(selection, variant_of=job.variant_of)


def moment_or_position(option: str, text: str | None) -> datetime | int | None:
    """Return the time or the position of the log of an option; a day is included whole."""
    digits = (text or "").strip()
    if digits.isdecimal() and digits.isascii():
        return int(digits)
    return moment(option, text, end_of_day=True, what="a position of the log, a day or a time")


def moment(
    option: str, text: str | None, *, end_of_day: bool, what: str = "a day or a time"
) -> datetime | None:
    """Return the time of an option, in the zone of this machine where the text names none."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text.strip())
        if end_of_day and len(text.strip()) <= len("2026-11-22"):
            time = time.replace(hour=23, minute=59, second=59, microsecond=999_999)
        return time if time.tzinfo is not None else time.astimezone()
    except (ValueError, OverflowError):
        raise CommandFailed(
            ExitCode.USAGE, f"{option}: {text!r} must be {what}, such as 2026-11-22 or 2026-11-22T15:00"
        ) from None
