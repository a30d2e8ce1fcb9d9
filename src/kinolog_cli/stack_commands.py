"""The commands `kinolog up` and `kinolog doctor`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from kinolog.process.settings import describe_invalid_setting
from kinolog.texts import one_line, printable
from kinolog_cli.context import wants_json
from kinolog_cli.errors import missing_library
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.stop_signals import StopSignals
from kinolog_client.partial_file import partial_file
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.errors import SettingError, StartError
from kinolog_stack.log_files import LogFileFollower
from kinolog_stack.settings import StackSettings

if TYPE_CHECKING:  # what they import is not installed everywhere, and takes time to load
    from kinolog_stack.checks.doctor_check import DoctorCheck
    from kinolog_stack.processes.supervised_process import SupervisedProcess
    from kinolog_stack.stack import Stack

FOLLOW_SECONDS = 0.3
OPTIONS = {
    "data": "--data",
    "gateway_port": "--port",
    "api_port": "--api-port",
    "workers": "--workers",
    "worker_devices": "--devices",
    "no_auth": "--no-auth",
}
"""Options of `kinolog up` by the setting that they stand for."""
MARKS = {"ok": "ok     ", "warning": "warning", "wrong": "WRONG  "}

DataOption = Annotated[Path | None, typer.Option("--data", help="Data folder (KINOLOG_DATA).")]


def up(
    data: DataOption = None,
    gateway_port: Annotated[
        int | None, typer.Option("--port", help="Port of REST and WebSocket; 0 picks a free one.")
    ] = None,
    api_port: Annotated[int | None, typer.Option(help="Port of the gRPC api; 0 picks a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes; else one per device.")] = None,
    devices: Annotated[
        str | None, typer.Option(help="Devices of the workers, such as cuda:0,cuda:1.")
    ] = None,
    no_auth: Annotated[
        bool | None,
        typer.Option("--no-auth", help="Admit all accounts of this machine without a key, not only yours."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the logs of all processes.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object when everything runs.")
    ] = False,
) -> None:
    """Start everything on this machine and keep it running until Ctrl-C."""
    as_json = wants_json(as_json)
    values = (data, gateway_port, api_port, workers, devices, no_auth)
    options: dict[str, object] = dict(zip(OPTIONS, values, strict=True))
    try:
        from kinolog_stack.stack import Stack
    except ModuleNotFoundError as error:
        raise _missing_library(error) from error
    stack = Stack(_settings(options), on_change=_print_change)
    signals = StopSignals(stack)
    signals.install()
    try:
        stack.start()
        signals.interrupts = False
        _welcome(stack, as_json)
        _wait(stack, signals.stopping, verbose)
    except StartError as error:
        _print_line(f"kinolog did not start: {error.problem}")
        if error.remedy:
            _print_line(error.remedy)
        raise typer.Exit(
            int(ExitCode.USAGE if isinstance(error, SettingError) else ExitCode.FAILED)
        ) from error
    except OSError as error:
        _print_line(f"kinolog did not start: {error}")
        raise typer.Exit(int(ExitCode.FAILED)) from error
    except KeyboardInterrupt:
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from None
    finally:
        signals.interrupts = False
        signals.stopping.set()
        stack.stop()
    if signals.aborted:
        raise typer.Exit(int(ExitCode.INTERRUPTED))
    _print_line("kinolog has stopped.")


def _missing_library(error: ModuleNotFoundError) -> typer.Exit:
    """Print what to install. Return the exit of the command. Raises the error for a module of kinolog."""
    failure = missing_library(error)
    _print_line(str(failure))
    return typer.Exit(int(failure.exit_code))


def doctor(
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    support_bundle: Annotated[
        Path | None,
        typer.Option(
            help="Also write a ZIP archive with what was found, metrics and the ends of logs, without secrets and "
            "prompts, for those who help."
        ),
    ] = None,
) -> None:
    """Check every part, print what is wrong and what to do about it. Exit code 1 when something is wrong."""
    as_json = wants_json(as_json)
    try:
        from kinolog_stack.doctor import run_checks
    except ModuleNotFoundError as error:
        raise _missing_library(error) from error

    folder = DataFolder(_settings({"data": data}).data)
    checks = run_checks(folder)
    if support_bundle is not None:
        write_bundle(support_bundle, folder, checks)
    healthy = all(check.status != "wrong" for check in checks)
    if as_json:
        found = {"healthy": healthy, "data": str(folder.path), "checks": [asdict(check) for check in checks]}
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            sys.stdout.write(f"{MARKS[check.status]}  {check.name:<{width}}  {one_line(check.found)}\n")
            if check.status != "ok" and check.remedy:
                sys.stdout.write(f"{'':<{width + 11}}{check.remedy}\n")
    raise typer.Exit(int(ExitCode.OK if healthy else ExitCode.FAILED))


def write_bundle(path: Path, folder: DataFolder, checks: list[DoctorCheck]) -> None:
    """Write the archive of `--support-bundle`, for its owner alone. Exits with status 1 if that cannot be done."""
    from kinolog_stack.checks.support_bundle import write_support_bundle

    try:
        with partial_file(path, mode=0o600) as file:
            write_support_bundle(file, folder, checks, os.environ)
    except OSError as error:
        _print_line(f"cannot write {path}: {error.strerror or error}; name another --support-bundle")
        raise typer.Exit(int(ExitCode.FAILED)) from error
    _print_line(
        f"{path} is written; look into it before you give it away: it names jobs, tenants and addresses"
    )


def _settings(options: dict[str, object]) -> StackSettings:
    """Return the settings of the environment and of the options that are not None. Raises `typer.Exit`."""
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return StackSettings.model_validate(given)
    except ValidationError as error:
        _print_line(_describe_invalid(error, given))
        raise typer.Exit(int(ExitCode.USAGE)) from error


def _describe_invalid(error: ValidationError, given: dict[str, object]) -> str:
    """Return the line for an invalid setting. One that was given as an option is named as the option."""
    text, name = describe_invalid_setting(error), "_".join(map(str, error.errors()[0]["loc"]))
    return f"{OPTIONS[name]}: {text.partition(': ')[2]}" if name in given else text


def _print_change(process: SupervisedProcess) -> None:
    if process.state == "running" and process.starts == 1:
        _print_line(f"  {process.name} runs")
    elif process.state == "running":
        _print_line(f"  {process.name} runs again")
    elif process.state == "restarting":
        _print_line(f"  {process.name} {process.problem}; starting it again")


def _welcome(stack: Stack, as_json: bool) -> None:
    if as_json:
        about = {"state": "running", "data": str(stack.folder.path), "addresses": stack.addresses}
        sys.stdout.write(json.dumps(about) + "\n")
        sys.stdout.flush()
        return
    _print_line("")
    _print_line("kinolog is up.")
    _print_line(f"  REST and WebSocket  {stack.addresses['gateway']}")
    _print_line(f"  gRPC                {stack.addresses['api']}")
    _print_line(f"  data                {stack.folder.path}")
    _print_line(f"  logs                {stack.folder.logs}")
    _print_line("Ctrl-C stops it.")


def _wait(stack: Stack, stopping: threading.Event, verbose: bool) -> None:
    """Wait for a signal. Meanwhile print the log lines of all processes if `verbose`."""
    if not verbose:
        stopping.wait()
        return
    names = ["stack", *stack.processes]
    follower = LogFileFollower(
        [stack.folder.log(name) for name in names], lambda name, line: _print_line(f"{name} | {line}")
    )
    while not stopping.wait(FOLLOW_SECONDS):
        follower.follow()
    follower.follow()


def _print_line(line: str) -> None:
    """Print a line on standard error: standard output is for programs. A terminal that is gone is no error."""
    with contextlib.suppress(OSError):
        sys.stderr.write(printable(line) + "\n")
        sys.stderr.flush()
