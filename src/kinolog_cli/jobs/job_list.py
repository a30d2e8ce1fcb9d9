"""`kinolog jobs`: the list of jobs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from kinolog_cli.context import JsonOption, command, current_context
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
from kinolog_cli.output.columns import print_columns
from kinolog_cli.output.formats import age, job_status
from kinolog_client import JobInfo

WIDE = 110
"""Columns from which on the list also has priority and model."""
NARROW = 70
"""Columns below which the list has no age."""


@command
def jobs(
    status: StatusOption = None,
    priority: PriorityOption = None,
    date_range: RangeOption = None,
    start: FromOption = None,
    end: ToOption = None,
    model: ModelOption = None,
    style: StyleOption = None,
    text: TextOption = None,
    variant_of: VariantOfOption = None,
    sort: Annotated[
        str, typer.Option(help="created_at, updated_at, progress, duration or priority.")
    ] = "created_at",
    order: Annotated[str, typer.Option(help="asc or desc.")] = "desc",
    limit: Annotated[int, typer.Option(help="The most jobs to show, 1 to 100.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="next_cursor of the page before.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List jobs, newest first. In a pipe there is one line per job, with the whole prompt."""
    context = current_context(as_json)
    selection = job_selection(
        status=status,
        priority=priority,
        model=model,
        style=style,
        text=text,
        span=time_span(date_range, start, end),
        variant_of=variant_of,
    )
    with context.client() as client:
        selection = of_whole_group(client, selection)
        page = client.jobs(selection, sort=sort, order=order, limit=limit, cursor=cursor)
    if context.as_json:
        context.print_json(page.to_json())
        return
    if page.jobs:
        print_jobs(context.out, page.jobs)
    notes = context.out if context.out.is_terminal else context.err
    counts = "  ".join(f"{count} {name}" for name, count in page.summary.to_json().items() if count)
    notes.print(counts or "no jobs here; make one with `kinolog generate`", style="dim", markup=False)
    if page.next_cursor:
        notes.print(f"more: --cursor {page.next_cursor}", style="dim", soft_wrap=True, markup=False)


def print_jobs(console: Console, jobs: tuple[JobInfo, ...]) -> None:
    """Print jobs, one per line: id, status and progress whole, the prompt as far as there is room."""
    wide = not console.is_terminal or console.width >= WIDE
    narrow = console.width < NARROW
    more, ages = (["priority", "model"] if wide else []), ([] if narrow else ["age"])
    headings = ["job", "status", "progress", *more, *ages, "prompt"]
    print_columns(
        console,
        headings,
        [
            (
                job.job_id,
                job_status(job),
                f"{job.percent:.0f} %",
                *([job.priority, job.model] if wide else []),
                *([] if narrow else [age(job.created_at)]),
                Text(job.prompt or "(erased)", style="" if job.prompt else "dim"),
            )
            for job in jobs
        ],
    )
