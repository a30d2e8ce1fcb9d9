"""What every command shares: the gateway's address and key, how to print, and how to end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, ParamSpec

import typer
from pydantic import ValidationError
from rich.console import Console

from kinolog.process.settings import ClientSettings
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.gateway import TIMEOUT_SECONDS, Gateway, GatewayError, Json
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.settings import StackSettings

P = ParamSpec("P")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line, for programs.")]


@dataclass(slots=True)
class CliContext:
    """How this call of the command talks and prints."""

    url: str
    api_key: str | None
    as_json: bool
    out: Console
    err: Console

    def gateway(self, timeout_seconds: float = TIMEOUT_SECONDS) -> Gateway:
        """A client of the gateway."""
        return Gateway(self.url, self.api_key, timeout_seconds)

    def print_json(self, value: Json) -> None:
        """One JSON object on one line of standard output."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        sys.stdout.flush()


PIPED_WIDTH = 200
"""Columns of output that goes into a file or another program."""

CURRENT: ContextVar[CliContext] = ContextVar("kinolog_cli")
"""The context of the call that runs; set before any command does."""


def begin(as_json: bool) -> CliContext:
    """The context of this call; `--json` may stand before or after the command's name."""
    context = CURRENT.get()
    context.as_json = context.as_json or as_json
    return context


def make_context(url: str | None, api_key: str | None, as_json: bool) -> CliContext:
    """The context from options, then `KINOLOG_URL` and `KINOLOG_API_KEY`, then a stack that runs here."""
    settings = ClientSettings()
    key = api_key or (settings.api_key.get_secret_value() if settings.api_key else None)
    address = url or (settings.url if "KINOLOG_URL" in os.environ else running_stack() or settings.url)
    out, err = Console(highlight=False), Console(stderr=True, highlight=False)
    if not out.is_terminal:
        out.width = PIPED_WIDTH
    return CliContext(address, key, as_json, out, err)


def running_stack() -> str | None:
    """The gateway's address of the stack on the default data folder, if one runs there."""
    running = DataFolder(StackSettings().data).running()
    return running.addresses.get("gateway") if running is not None else None


def command(function: Callable[P, ExitCode | None]) -> Callable[P, None]:
    """End a command with its exit code, and what goes wrong with words instead of a traceback."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        context = CURRENT.get()
        try:
            code = function(*args, **kwargs) or ExitCode.OK
        except GatewayError as error:
            code = error.exit_code
            if context.as_json:
                context.print_json({"error": error.problem})
            else:
                context.err.print("\n".join(error.lines), style="red", markup=False)
        except ValidationError as error:
            code = ExitCode.USAGE
            context.err.print(f"a KINOLOG_ setting is wrong: {error}", style="red", markup=False)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = ExitCode.OK
        raise typer.Exit(int(code))

    return run
