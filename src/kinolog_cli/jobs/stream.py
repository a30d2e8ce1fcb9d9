"""`kinolog stream`: the video of a job while it is rendered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kinolog_cli.context import command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.job_ids import JobArgument, job_id
from kinolog_cli.output.places import checked_place, writing
from kinolog_client import Conflict, NotFound

CHANGED = "LIVE_VIDEO_CHANGED"
"""Reason of a refusal: another attempt draws the video from its first frame."""

ENDED = "NO_LIVE_VIDEO"
"""Reason of a refusal: the job has ended."""


@command
def stream(
    job: JobArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Write it here while it grows; else to standard output.")
    ] = Path("-"),
) -> None:
    """Write the video of a job while it is rendered, for a player: kinolog stream JOB | mpv -

    It waits for the first frames, and ends with the last one. It has no sound: the finished video has.
    """
    place = checked_place(output)
    advice = "choose another --output"
    with current_context(as_json=False).client() as client, writing(output, advice):
        whole = job_id(client, job)
        try:
            with place.open("wb", buffering=0) as file:
                while True:
                    try:
                        for chunk in client.live_video(whole):
                            file.write(chunk)
                    except Conflict as conflict:
                        if conflict.reason != CHANGED or not file.seekable():
                            raise
                        file.seek(0)
                        file.truncate()
                    else:
                        return
        except NotFound as missing:
            if missing.reason != ENDED:
                raise
            text = f"{missing.detail}: kinolog result {whole} -o FILE"
            raise CommandFailed(ExitCode.FAILED, text) from missing
        except BrokenPipeError:
            return  # the player was closed
