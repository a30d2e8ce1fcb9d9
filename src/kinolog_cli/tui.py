"""`kinolog tui`: the terminal dashboard, which is found by its entry point if it is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from kinolog_cli.context import CliContext, command, current_context
from kinolog_cli.demo import gateway_of_stack
from kinolog_cli.exit_codes import ExitCode
from kinolog_stack.settings import StackSettings

DASHBOARDS = "kinolog.dashboard"
"""Group of the entry points: `terminal` is called with the gateway's address and the API key, `browser` also with a
port.
"""


@command
def tui(
    demo: Annotated[
        bool, typer.Option("--demo", help="Start everything first, and stop it when you leave.")
    ] = False,
    web: Annotated[
        bool,
        typer.Option("--web", help="Serve it to the browser of this machine instead of opening it here."),
    ] = False,
    web_port: Annotated[int, typer.Option("--web-port", help="Port of --web.", min=1, max=65_535)] = 8000,
    data: Annotated[Path | None, typer.Option("--data", help="Data folder of --demo (KINOLOG_DATA).")] = None,
) -> ExitCode:
    """Open the terminal dashboard."""
    context = current_context(as_json=False)
    run = _dashboard("browser", "textual_serve") if web else _dashboard("terminal", "textual")
    if run is None:
        context.print_error("the dashboard needs `pip install 'kinolog[tui]'`")
        return ExitCode.FAILED
    address: AbstractContextManager[str] = nullcontext(context.url)
    if demo:
        settings = StackSettings(data=data or StackSettings().data, gateway_port=0, api_port=0)
        address = gateway_of_stack(context, settings)
    if context.certificates is not None:  # the dashboard reads its settings by itself
        os.environ |= {
            f"KINOLOG_{name}": str(file)
            for name, file in (
                ("CA_FILE", context.certificates.authority),
                ("CLIENT_CERTIFICATE", context.certificates.certificate),
                ("CLIENT_KEY", context.certificates.key),
            )
            if file
        }
    with address as url:
        if web:
            return _serve(context, run, url, web_port)
        run(url, context.api_key)
    return ExitCode.OK


def _dashboard(name: str, library: str) -> Callable[..., Any] | None:
    """Return the function of an entry point. None if there is none, or if the library that it needs is missing."""
    if find_spec(library) is None:
        return None
    found = entry_points(group=DASHBOARDS, name=name)
    return cast("Callable[..., Any]", next(iter(found)).load()) if found else None


def _serve(context: CliContext, run: Callable[..., Any], url: str, port: int) -> ExitCode:
    try:
        run(url, context.api_key, port)
    except OSError as error:
        cause = os.strerror(error.errno) if error.errno else str(error)
        context.print_error(f"cannot serve at 127.0.0.1:{port}: {cause}; choose another --web-port")
        return ExitCode.FAILED
    return ExitCode.OK
