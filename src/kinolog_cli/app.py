"""The `kinolog` command: its subcommands, and the options that all of them take."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from kinolog.process.gc_tuning import CollectionRate, collect_garbage_rarely
from kinolog_cli.lazy_commands import LazyCommands
from kinolog_cli.output.streams import discard_output, is_output_error, prepare_streams

COMMANDS = {
    "up": "kinolog_cli.stack_commands:up",
    "demo": "kinolog_cli.demo:demo",
    "generate": "kinolog_cli.submission.submit:generate",
    "jobs": "kinolog_cli.jobs.job_list:jobs",
    "show": "kinolog_cli.jobs.queries:show",
    "watch": "kinolog_cli.jobs.watch:watch",
    "logs": "kinolog_cli.jobs.watch:logs",
    "storyboard": "kinolog_cli.jobs.queries:storyboard",
    "reproduce": "kinolog_cli.jobs.reproduction:reproduce",
    "cancel": "kinolog_cli.jobs.commands:cancel",
    "retry": "kinolog_cli.jobs.commands:retry",
    "priority": "kinolog_cli.jobs.commands:priority",
    "pause": "kinolog_cli.jobs.commands:pause",
    "resume": "kinolog_cli.jobs.commands:resume",
    "prefetch": "kinolog_cli.jobs.commands:prefetch",
    "erase": "kinolog_cli.erasures.erase:erase",
    "bulk": "kinolog_cli.jobs.bulk:bulk",
    "result": "kinolog_cli.jobs.queries:result",
    "export": "kinolog_cli.jobs.export:export",
    "stream": "kinolog_cli.jobs.stream:stream",
    "link": "kinolog_cli.jobs.link:link",
    "replay": "kinolog_cli.replay.command:replay",
    "verify": "kinolog_cli.verify:verify",
    "analytics": "kinolog_cli.jobs.analytics:analytics",
    "models": "kinolog_cli.models.app:app",
    "workers": "kinolog_cli.jobs.queries:workers",
    "tui": "kinolog_cli.tui:tui",
    "open": "kinolog_cli.web_page:open_page",
    "mcp": "kinolog_cli.mcp.command:mcp",
    "keys": "kinolog_cli.access.keys:app",
    "usage": "kinolog_cli.access.usage:usage",
    "tenants": "kinolog_cli.access.tenants:app",
    "schedules": "kinolog_cli.access.schedules:app",
    "queue": "kinolog_cli.access.queue:app",
    "webhooks": "kinolog_cli.access.webhooks:app",
    "doctor": "kinolog_cli.stack_commands:doctor",
    "backup": "kinolog_cli.maintenance.backup:backup",
    "restore": "kinolog_cli.maintenance.restore:restore",
    "projections": "kinolog_cli.maintenance.projections:app",
    "audit": "kinolog_cli.audit.app:app",
    "certificates": "kinolog_cli.certificates:certificates",
}
"""Subcommands in the order of `kinolog --help`, and where each is defined."""

EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such job, 4 refused, 5 unreachable, 6 denied, "
    "7 cancelled, 130 interrupted."
)


class KinologGroup(TyperGroup):
    """The group of `COMMANDS`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = LazyCommands(COMMANDS)


app = typer.Typer(
    name="kinolog",
    cls=KinologGroup,
    help="Text to video on your own machines, with every job's history in an append-only log.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(requested: bool) -> None:
    if requested:
        sys.stdout.write(f"kinolog {version('kinolog')}\n")
        raise typer.Exit


@app.callback()
def main_options(
    url: Annotated[
        str | None,
        typer.Option("--url", help="Address of the gateway (KINOLOG_URL); else the stack that runs here."),
    ] = None,
    api_key: Annotated[str | None, typer.Option("--api-key", help="API key (KINOLOG_API_KEY).")] = None,
    ca: Annotated[
        Path | None,
        typer.Option("--ca", help="PEM file of the gateway's certificate authorities (KINOLOG_CA_FILE)."),
    ] = None,
    client_certificate: Annotated[
        Path | None,
        typer.Option(
            "--client-certificate",
            help="PEM file with the certificate to show (KINOLOG_CLIENT_CERTIFICATE).",
        ),
    ] = None,
    client_key: Annotated[
        Path | None, typer.Option("--client-key", help="PEM file with its private key (KINOLOG_CLIENT_KEY).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Set the context of the command."""
    # Imported here, because it imports the client, which `kinolog --version` does not need.
    from kinolog_cli.context import set_context

    files = {"ca_file": ca, "client_certificate": client_certificate, "client_key": client_key}
    set_context(url=url, api_key=api_key, as_json=as_json, files=files)


def main() -> None:
    """Entry point of the console script."""
    collect_garbage_rarely(CollectionRate.REQUESTS)  # collections while modules are imported find nothing
    prepare_streams()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
        sys.exit(0)
    except OSError as error:
        if not is_output_error(error):
            raise
        discard_output()
        sys.exit(f"cannot write the output: {error.strerror}")


if __name__ == "__main__":
    main()
