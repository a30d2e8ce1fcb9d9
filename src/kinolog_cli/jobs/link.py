"""`kinolog link`: the address of a video that a browser opens without a key."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urljoin

import typer

from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.job_ids import JobArgument, job_id


@command
def link(
    job: JobArgument,
    minutes: Annotated[
        int, typer.Option("--minutes", help="How long the link works.", min=1, max=24 * 60)
    ] = 10,
    as_json: JsonOption = False,
) -> None:
    """Print a link to the video of a completed job: it needs no key, and works for a while."""
    context = current_context(as_json)
    with context.client() as client:
        whole = job_id(client, job)
        ticket = client.create_ticket(whole, valid_seconds=minutes * 60)
        video = ticket.links.video if ticket.links else None
        if video is None:
            raise CommandFailed(
                ExitCode.REFUSED, f"job {whole} has no video to link to; `kinolog show {whole}` says why"
            )
        url = urljoin(client.url, video)
    if context.as_json:
        context.print_json(ticket.to_json() | {"url": url})
    else:
        context.out.print(url, markup=False, highlight=False, soft_wrap=True)
