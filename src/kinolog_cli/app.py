"""The `kinolog` command: its subcommands, and the options that all of them take."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from kinolog_cli import job_commands, job_queries, projections, verify
from kinolog_cli.context import CURRENT, make_context
from kinolog_cli.demo import demo
from kinolog_cli.stack_commands import doctor, up
from kinolog_cli.tui import tui

EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such job, 4 refused, 5 unreachable, 6 denied, "
    "7 cancelled, 130 interrupted."
)

app = typer.Typer(
    name="kinolog",
    help="Text to video on your own machines, with every job's history in an append-only log.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"kinolog {version('kinolog')}\n")
        raise typer.Exit


@app.callback()
def main_options(
    url: Annotated[
        str | None,
        typer.Option("--url", help="Address of the gateway (KINOLOG_URL); else the stack that runs here."),
    ] = None,
    api_key: Annotated[str | None, typer.Option("--api-key", help="API key (KINOLOG_API_KEY).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Set the context of the command."""
    CURRENT.set(make_context(url, api_key, as_json))


for _function in (
    up,
    demo,
    job_commands.generate,
    job_queries.jobs,
    job_queries.show,
    job_queries.watch,
    job_commands.cancel,
    job_commands.retry,
    job_commands.priority,
    job_commands.prefetch,
    job_commands.erase,
    job_queries.result,
    job_queries.replay,
    verify.verify,
    job_queries.models,
    job_queries.workers,
    tui,
    doctor,
):
    app.command()(_function)
app.add_typer(projections.app, name="projections")


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
