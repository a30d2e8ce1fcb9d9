"""The group `kinolog schedules`: jobs that are submitted again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.columns import print_columns
from kinolog_cli.output.formats import local_time
from kinolog_cli.submission.job_object import job_object
from kinolog_cli.submission.text_file import text_of
from kinolog_client import ScheduleInfo, VideoRequest

app = typer.Typer(
    help="Jobs that are submitted again and again, at the times of a cron expression.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

IdArgument = Annotated[str, typer.Argument(metavar="SCHEDULE_ID", help="Its id, as lists show it.")]


@app.command("create")
@command
def create(
    cron: Annotated[
        str,
        typer.Argument(metavar="CRON", help="Minute, hour, day, month, day of the week: '0 22 * * MON-FRI'."),
    ],
    prompt: Annotated[
        str | None, typer.Argument(metavar="[PROMPT]", help="What the videos shall show.", show_default=False)
    ] = None,
    job: Annotated[
        Path | None,
        typer.Option(
            "--job", help="JSON file with the fields of POST /api/v1/generate, instead of a PROMPT."
        ),
    ] = None,
    zone: Annotated[str, typer.Option("--zone", help="Time zone of CRON, such as Europe/Berlin.")] = "UTC",
    name: Annotated[str | None, typer.Option("--name", help="A name for people.")] = None,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="Make up for the last of the runs that were missed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Create a schedule, and print its id."""
    context = current_context(as_json)
    if prompt is not None and job is None:
        request = VideoRequest(prompt=prompt)
    elif prompt is None and job is not None:
        request = _job_in(job)
    else:
        raise CommandFailed(ExitCode.USAGE, "give a PROMPT, or a file with --job")
    with context.client() as client:
        made = client.create_schedule(cron, request, zone=zone, name=name, catch_up=catch_up)
    if context.as_json:
        context.print_json(made.to_json())
        return
    context.out.print(made.schedule_id, markup=False)
    context.print_note(f"it runs next {local_time(made.next_run_at)}")


@app.command("list")
@command
def list_(as_json: JsonOption = False) -> None:
    """List schedules, oldest first."""
    context = current_context(as_json)
    with context.client() as client:
        found = client.schedules()
    if context.as_json:
        context.print_json(found.to_json())
        return
    print_columns(
        context.out,
        ("schedule", "cron", "zone", "next", "last", "job", "problem", "name"),
        map(_row, found.schedules),
    )
    if not found.schedules:
        context.print_note("there is no schedule; kinolog schedules create CRON PROMPT makes one")


@app.command("pause")
@command
def pause(schedule_id: IdArgument, as_json: JsonOption = False) -> None:
    """Submit no further jobs until the schedule is resumed. Its jobs go on."""
    context = current_context(as_json)
    with context.client() as client:
        changed = client.pause_schedule(schedule_id)
    if context.as_json:
        context.print_json(changed.to_json())
    else:
        context.out.print(f"schedule {changed.schedule_id} is paused", markup=False)


@app.command("resume")
@command
def resume(schedule_id: IdArgument, as_json: JsonOption = False) -> None:
    """Submit jobs again, from the next time on."""
    context = current_context(as_json)
    with context.client() as client:
        changed = client.resume_schedule(schedule_id)
    if context.as_json:
        context.print_json(changed.to_json())
    else:
        text = f"schedule {changed.schedule_id} runs next {local_time(changed.next_run_at)}"
        context.out.print(text, markup=False)


@app.command("remove")
@command
def remove(schedule_id: IdArgument, as_json: JsonOption = False) -> None:
    """Delete a schedule and the texts of its job, for good. Its jobs go on."""
    context = current_context(as_json)
    with context.client() as client:
        deleted = client.delete_schedule(schedule_id)
    if context.as_json:
        context.print_json(deleted.to_json())
    else:
        context.out.print(f"schedule {deleted.schedule_id} is deleted", markup=False)


def _row(schedule: ScheduleInfo) -> list[str]:
    return [
        schedule.schedule_id,
        schedule.cron,
        schedule.zone,
        "paused" if schedule.paused_at else local_time(schedule.next_run_at),
        local_time(schedule.last_run_at),
        schedule.last_job_id or "",
        schedule.problem,
        schedule.name or "",
    ]


def _job_in(path: Path) -> VideoRequest:
    """Return the job in a file. Raises `CommandFailed` for a file that has none."""
    try:
        return VideoRequest(**job_object(text_of(path)))
    except ValueError as error:
        raise CommandFailed(ExitCode.USAGE, f"{path}: {error}") from None
