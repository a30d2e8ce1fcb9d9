"""The group `kinolog queue`: pauses of the queue, for operators."""

from __future__ import annotations

from typing import Annotated

import typer

from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.output.columns import print_columns
from kinolog_cli.output.formats import local_time
from kinolog_client import QueuePauseListInfo

app = typer.Typer(
    help="Pauses of the queue: jobs are taken and wait. For whoever runs kinolog.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

PriorityOption = Annotated[
    str | None, typer.Option("--priority", help="Only this one: low, medium, high or critical.")
]


@app.command("pause")
@command
def pause(
    priority: PriorityOption = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; every tenant reads it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Start no more jobs. Those that run go on; new ones wait."""
    context = current_context(as_json)
    with context.client() as client:
        _print(context, client.pause_queue(priority=priority, reason=reason))


@app.command("resume")
@command
def resume(priority: PriorityOption = None, as_json: JsonOption = False) -> None:
    """Start jobs again: those of one priority, or all."""
    context = current_context(as_json)
    with context.client() as client:
        _print(context, client.resume_queue(priority=priority))


@app.command("pauses")
@command
def pauses(as_json: JsonOption = False) -> None:
    """Show what is paused."""
    context = current_context(as_json)
    with context.client() as client:
        _print(context, client.queue_pauses())


def _print(context: CliContext, found: QueuePauseListInfo) -> None:
    if context.as_json:
        context.print_json(found.to_json())
        return
    if not found.pauses:
        context.out.print("the queue is not paused", markup=False)
        return
    print_columns(
        context.out,
        ("paused", "since", "by", "reason"),
        [
            (pause.priority or "the whole queue", local_time(pause.paused_at), pause.paused_by, pause.reason)
            for pause in found.pauses
        ],
    )
