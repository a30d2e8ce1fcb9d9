"""`kinolog export`: save a finished video in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.job_ids import JobArgument, job_id
from kinolog_cli.jobs.queries import saving_bar
from kinolog_cli.output.places import checked_place, writes_standard_output, writing
from kinolog_client.http.file_transfer import EXPORT_TYPES

_SUFFIXES = {"gif": ".gif", "webp": ".webp", "png": ".zip", "spritesheet": ".jpg"}


@command
def export(
    job: JobArgument,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="gif, webp, png: a ZIP archive with a picture per frame, or spritesheet: a JPEG of small frames. "
            "Else that of the suffix of --output, or gif.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Save it here; - for standard output. Else JOB.gif and so on."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Save the video of a completed job as an animation or as pictures."""
    context = current_context(as_json)
    wanted = _format_of(output) if file_format is None else file_format.lower()
    if wanted not in EXPORT_TYPES:
        raise CommandFailed(ExitCode.USAGE, f"--as must be one of {', '.join(EXPORT_TYPES)}")
    place = None if output is None else checked_place(output)
    with context.client() as client:
        whole = job_id(client, job)
        place = place or checked_place(Path(f"{whole}{_SUFFIXES[wanted]}"))
        with saving_bar(context) as on_progress, writing(place):
            client.export(whole, place, file_format=wanted, on_progress=on_progress)
    if writes_standard_output(place):
        return
    if context.as_json:
        context.print_json({"job_id": whole, "format": wanted, "saved": str(place)})
    else:
        context.out.print(f"saved as {place}", markup=False, soft_wrap=True)


def _format_of(output: Path | None) -> str:
    """Return the format that the suffix of a file names; gif for standard output and without a file or a suffix.

    Raises `CommandFailed` for the suffix of no format.
    """
    suffix = "" if output is None or writes_standard_output(output) else output.suffix.lower()
    for file_format, its_suffix in _SUFFIXES.items():
        if suffix in ("", its_suffix):
            return file_format
    raise CommandFailed(
        ExitCode.USAGE,
        f"{output}: name a file with {', '.join(_SUFFIXES.values())}, or say with --as what it will be",
    )
