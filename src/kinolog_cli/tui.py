"""`kinolog tui`: the terminal dashboard, which is another package and loaded only here."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from kinolog_cli.context import begin, command
from kinolog_cli.demo import somewhere
from kinolog_cli.exit_codes import ExitCode
from kinolog_stack.settings import StackSettings


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
    context = begin(as_json=False)
    if find_spec("textual_serve" if web else "textual") is None:
        context.err.print("the dashboard needs `pip install 'kinolog[tui]'`", style="red")
        return ExitCode.FAILED
    address: AbstractContextManager[str] = nullcontext(context.url)
    if demo:
        settings = StackSettings(data=data or StackSettings().data, gateway_port=0, api_port=0)
        address = somewhere(context, settings)
    with address as url:
        if web:
            try:
                import_module("kinolog_tui.browser").serve(url, context.api_key, web_port)
            except OSError as error:
                why = os.strerror(error.errno) if error.errno else str(error)
                words = f"cannot serve at 127.0.0.1:{web_port}: {why}; choose another --web-port"
                context.err.print(words, style="red", markup=False)
                return ExitCode.FAILED
        else:
            import_module("kinolog_tui.start").run(url, context.api_key)
    return ExitCode.OK
