"""`kinolog verify`: check that a job's record, or a file, is complete and untouched."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.file_verification import verify_file
from kinolog_cli.jobs.job_ids import job_id
from kinolog_client import CheckInfo, NotFound

_LOG = (
    "The log or its archive was changed or is damaged: stop kinolog and run kinolog restore, which says what it found "
    "before it changes anything (docs/running.md)."
)
ADVICE = {
    "log": _LOG,
    "hashes": _LOG,
    "chain": _LOG,
    "fold": _LOG,
    "endings": _LOG,
    "archive": _LOG,
    "tree": "History was changed since the head of the tree was signed, or the tree is damaged: compare it with your "
    "copies of heads.log (docs/log.md).",
    "lists": "Lists do not show what the log holds: kinolog projections check names all differences, and kinolog "
    "projections rebuild makes the lists again.",
    "seals": "Restore the job's key from a backup; of a job that is erased, run `kinolog erase JOB` again.",
    "erasure": "Run `kinolog erase JOB` again, which finishes an erasure. Compare a certificate that was changed with "
    "your copy of it.",
    "artifacts": "Put the named file back from a backup, under the same key, and verify again.",
}
"""What to do, by the name of the check that does not hold."""


@command
def verify(
    subject: Annotated[
        str, typer.Argument(metavar="JOB|FILE", help="Id of a job or its beginning, or a video.")
    ],
    trust: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PEM", help="Root certificate of a signer of files that you trust; may be repeated."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> ExitCode:
    """Check a job's record and its files, or a video by itself: complete, untouched? Exit code 1 when not.

    A video says what made it and whether it was changed, wherever it is. If the kinolog that made it answers, the
    video is also compared with the log.
    """
    context = current_context(as_json)
    if _names_a_file(subject):
        return verify_file(context, Path(subject), trust or [])
    return _verify_job(context, subject)


def _names_a_file(subject: str) -> bool:
    """Return whether an argument names a file. An id of a job has neither a dot nor a slash."""
    return "." in subject or "/" in subject or Path(subject).is_file()


def _verify_job(context: CliContext, job: str) -> ExitCode:
    try:
        with context.client() as client:
            job = job_id(client, job)
            proof = client.verify(job)
    except NotFound as error:
        if error.reason != "ROUTE_NOT_FOUND":
            raise
        text = f"kinolog at {context.url} is too old to verify a record; upgrade it, then try again"
        raise CommandFailed(ExitCode.UNREACHABLE, text) from error
    broken = [check.name for check in proof.checks if not check.holds]
    code = ExitCode.OK if proof.valid else ExitCode.FAILED
    if context.as_json:
        context.print_json(proof.to_json())
        return code
    context.out.print(checks_table(proof.checks))
    if proof.valid:
        context.out.print(
            f"the record of job {job} is complete and untouched: all {len(proof.checks)} checks hold",
            style="bold green",
        )
        return code
    context.out.print(f"the record of job {job} does not hold: {', '.join(broken)}", style="bold red")
    for advice in dict.fromkeys(ADVICE[name].replace("JOB", job) for name in broken if name in ADVICE):
        context.print_error(advice)
    return code


def checks_table(checks: Iterable[CheckInfo]) -> Table:
    """Return the checks, one per line: whether each holds, and what was found."""
    table = Table(box=None, pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("holds", no_wrap=True)
    table.add_column("what was found", overflow="fold")
    for check in checks:
        mark = Text("✔ yes", style="green") if check.holds else Text("✖ no", style="bold red")
        table.add_row(check.name, mark, Text(check.detail, style="" if check.holds else "red"))
    return table
