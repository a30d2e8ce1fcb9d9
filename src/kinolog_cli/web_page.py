"""`kinolog open`: the web page in the browser of this machine."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.job_ids import job_id


@command
def open_page(
    job: Annotated[
        str | None, typer.Argument(metavar="[JOB]", help="Open this job: its id, or its beginning.")
    ] = None,
    as_json: JsonOption = False,
) -> ExitCode:
    """Open the web page in the browser, and print its address."""
    context = current_context(as_json)
    with context.client() as client:
        client.health()  # a wrong address is an error here, and no blank page
        path = "" if job is None else f"/jobs/{job_id(client, job)}"
        url = client.url.rstrip("/") + path
    is_open = webbrowser.open(url)
    if context.as_json:
        context.print_json({"url": url, "opened": is_open})
    else:
        context.out.print(url, markup=False, highlight=False, soft_wrap=True)
    if not is_open:
        context.print_note("there is no browser to open it here; open this address in one that reaches it")
    return ExitCode.OK
