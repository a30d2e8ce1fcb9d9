"""`kinolog audit bundle`: an archive for auditors that proves the history of jobs by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kinolog.merkle.signed_note import InvalidNote
from kinolog_cli.audit_exports.commit_options import (
    ActorOption,
    FromOption,
    SinceOption,
    TenantOption,
    ToOption,
    UntilOption,
    commit_selection,
    whole_job_id,
)
from kinolog_cli.audit_exports.known_heads import heads_in
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.queries import saving_bar
from kinolog_cli.output.places import checked_place, writes_standard_output, writing


@command
def bundle(
    output: Annotated[Path, typer.Option("--output", "-o", help="Save it here; - for standard output.")],
    job: Annotated[
        str | None, typer.Argument(metavar="[JOB]", help="Only this job: its id, or the beginning of it.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    first: FromOption = None,
    last: ToOption = None,
    actor: ActorOption = "",
    tenant: TenantOption = "",
    with_files: Annotated[
        bool, typer.Option("--with-files", help="With the videos and pictures; needs the scope read.")
    ] = False,
    with_prompts: Annotated[
        bool,
        typer.Option(
            "--with-prompts",
            help="With the keys that unseal prompts and all else that the jobs sealed; needs the scope read.",
        ),
    ] = False,
    head: Annotated[
        Path | None,
        typer.Option(
            "--head",
            help="File with heads that the auditor has, such as the state of a witness: the bundle continues the last.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Save an archive with commits and what proves them. kinolog audit verify checks it, anywhere."""
    context = current_context(as_json)
    selection = commit_selection(since=since, until=until, first=first, last=last, actor=actor, tenant=tenant)
    earlier = () if head is None else (_size_of_last(head),)
    place = checked_place(output)
    with context.client() as client, saving_bar(context) as on_progress:
        chosen = replace(selection, job_id=whole_job_id(client, job))
        with writing(place):
            client.audit_bundle(
                place,
                chosen,
                files=with_files,
                prompts=with_prompts,
                earlier_sizes=earlier,
                on_progress=on_progress,
            )
    if writes_standard_output(place):
        return
    if context.as_json:
        context.print_json({"saved": str(place), "files": with_files, "prompts": with_prompts})
        return
    context.out.print(f"saved as {place}", markup=False, soft_wrap=True)
    context.print_note(f"check it anywhere: kinolog audit verify {place}")
    if with_prompts:
        context.print_note(
            "it has keys: whoever has it can read what its jobs sealed, also after they are erased"
        )


def _size_of_last(path: Path) -> int:
    """Return the size of the tree of the last head in a file. Raises `CommandFailed`."""
    try:
        return heads_in(path)[-1].signed.head.size
    except InvalidNote as error:
        raise CommandFailed(ExitCode.USAGE, f"{path}: the last head was changed: {error}") from error
