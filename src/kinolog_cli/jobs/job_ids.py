"""Jobs as a person names them: by the whole id, or by its beginning if only one job has it."""

from __future__ import annotations

import re
from itertools import islice
from typing import Annotated

import typer

from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import JobSelection, KinologClient

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job, or its beginning.")]

SHORTEST = 4
SEARCHED = 2_000
"""Jobs that are looked through for a beginning which many prompts contain."""
SHOWN = 5
_BEGINNING = re.compile(r"[a-z0-9]{1,25}")


def job_id(client: KinologClient, text: str) -> str:
    """Return the id of the job whose id is `text` or begins with it.

    Raises `CommandFailed` if no job or several jobs have this beginning. Whatever is no beginning of an id is returned
    as it is, for the gateway to refuse.
    """
    beginning = text.strip().lower()
    if not _BEGINNING.fullmatch(beginning):
        return text
    if len(beginning) < SHORTEST:
        raise CommandFailed(
            ExitCode.USAGE, f"{text!r} is too short; give {SHORTEST} characters of the job's id"
        )
    found: list[str] = []
    searched = 0
    # The text of a selection is searched in ids too, and in prompts.
    for job in islice(client.iterate_jobs(JobSelection(text=beginning)), SEARCHED):
        searched += 1
        if job.job_id.startswith(beginning):
            found.append(job.job_id)
            if len(found) > SHOWN:
                break
    if len(found) == 1 and searched < SEARCHED:
        return found[0]
    if not found and searched < SEARCHED:
        raise CommandFailed(ExitCode.NOT_FOUND, f"there is no job whose id begins with {beginning}")
    some = f": {', '.join(found[:SHOWN])}{', …' if len(found) > SHOWN else ''}" if found else ""
    raise CommandFailed(ExitCode.USAGE, f"several jobs begin with {beginning}; give more of the id{some}")
