"""The context of a command: the gateway's address and key, the consoles, and the handling of errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ParamSpec

import typer
from pydantic import ValidationError
from rich.console import Console

from kinolog.process.settings import ClientSettings, describe_invalid_setting
from kinolog_cli.errors import CommandFailed, error_json, error_lines, exit_code_of, missing_library
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.console import console
from kinolog_cli.output.streams import discard_output, is_output_error, json_line
from kinolog_client import Certificates, GatewayError, KinologClient
from kinolog_client.endpoint import Endpoint
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.settings import StackSettings

P = ParamSpec("P")

NO_FILES: Mapping[str, Path | None] = MappingProxyType({})
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line, for programs.")]


@dataclass(slots=True, kw_only=True)
class CliContext:
    """The gateway that this call of the command uses, and where and how it prints."""

    url: str
    api_key: str | None
    as_json: bool
    out: Console
    err: Console
    certificates: Certificates | None = None

    def endpoint(self) -> Endpoint:
        """Return the gateway and how to reach it. Raises `InvalidSettings`."""
        return Endpoint(self.url.rstrip("/"), self.api_key, certificates=self.certificates)

    def client(self, url: str | None = None) -> KinologClient:
        """Return a client of the gateway, or of the one at `url`."""
        return KinologClient(url or self.url, self.api_key, certificates=self.certificates)

    def print_json(self, value: dict[str, Any]) -> None:
        """Print one JSON object on one line of standard output."""
        sys.stdout.write(json_line(value))
        sys.stdout.flush()

    def print_error(self, text: str) -> None:
        """Print a text in red on standard error."""
        self.err.print(text, style="red", markup=False, soft_wrap=True)

    def print_note(self, text: str) -> None:
        """Print a hint on standard error, where no program reads it: an id, or what to do next."""
        self.err.print(text, style="dim", markup=False, soft_wrap=True)


CURRENT: ContextVar[CliContext] = ContextVar("kinolog_cli")
"""The context of the running command."""


def current_context(as_json: bool) -> CliContext:
    """Return the context of the running command. `--json` may stand before or after the command's name."""
    context = CURRENT.get()
    context.as_json = context.as_json or as_json
    return context


def wants_json(as_json: bool) -> bool:
    """Return whether a command that needs no gateway prints JSON: by its own option, or by the one before its name."""
    context = CURRENT.get(None)
    return as_json or (context is not None and context.as_json)


def set_context(
    *, url: str | None, api_key: str | None, as_json: bool, files: Mapping[str, Path | None] = NO_FILES
) -> None:
    """Set the context from the options, else the variables of their names, else the stack that runs here.

    `files` are those of certificates that options name, by the name of their setting.

    Raises `typer.Exit` if a setting is invalid.
    """
    out, err = console(), console(stderr=True)
    context = CliContext(url=url or "", api_key=api_key, as_json=as_json, out=out, err=err)
    try:
        settings = ClientSettings.model_validate({name: file for name, file in files.items() if file})
        context.certificates = Certificates.given(
            settings.ca_file, settings.client_certificate, settings.client_key
        )
        if not url:
            context.url = settings.url if "KINOLOG_URL" in os.environ else running_gateway() or settings.url
    except ValidationError as error:
        context.print_error(describe_invalid_setting(error))
        raise typer.Exit(int(ExitCode.USAGE)) from None
    if not api_key and settings.api_key is not None:
        context.api_key = settings.api_key.get_secret_value()
    CURRENT.set(context)


def running_gateway() -> str | None:
    """Return the gateway's address of the stack that runs on the default data folder. None if none runs."""
    running = DataFolder(StackSettings().data).running()
    return running.addresses.get("gateway") if running is not None else None


def command(function: Callable[P, ExitCode | None]) -> Callable[P, None]:
    """End a command with its exit code, and print its errors as text or JSON instead of a traceback."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        context = CURRENT.get()
        try:
            code = function(*args, **kwargs) or ExitCode.OK
        except (GatewayError, CommandFailed, ModuleNotFoundError) as raised:
            error = missing_library(raised) if isinstance(raised, ModuleNotFoundError) else raised
            code = exit_code_of(error)
            if context.as_json:
                context.print_json({"error": error_json(error)})
            else:
                context.print_error("\n".join(error_lines(error)))
        except ValidationError as error:
            code = ExitCode.USAGE
            context.print_error(describe_invalid_setting(error))
        except typer.Abort:  # a question that standard input does not answer
            code = ExitCode.USAGE
            context.print_error("nobody answered; give --yes to do it without a question")
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        except BrokenPipeError:
            discard_output()
            code = ExitCode.OK
        except OSError as error:
            code = ExitCode.FAILED
            if is_output_error(error):
                discard_output()
            what = f"{error.filename}: " if error.filename else "cannot write the output: "
            context.print_error(f"{what}{error.strerror or error}")
        raise typer.Exit(int(code))

    return run
