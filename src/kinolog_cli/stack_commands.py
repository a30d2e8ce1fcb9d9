"""The commands `kinolog up` and `kinolog doctor`."""

from __future__ import annotations

import json
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from kinolog_stack.data_folder import DataFolder
from kinolog_stack.errors import StartError
from kinolog_stack.log_files import LogFileFollower
from kinolog_stack.settings import StackSettings

if TYPE_CHECKING:  # what they import is not installed everywhere, and takes time to load
    from kinolog_stack.processes.supervised_process import SupervisedProcess
    from kinolog_stack.stack import Stack

FAILED, USAGE, INTERRUPTED = 1, 2, 130
FOLLOW_SECONDS = 0.3
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
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
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the logs of all processes.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object when everything runs.")
    ] = False,
) -> None:
    """Start everything on this machine and keep it running until Ctrl-C."""
    given: dict[str, object] = {
        "data": data,
        "gateway_port": gateway_port,
        "api_port": api_port,
        "workers": workers,
        "worker_devices": devices,
    }
    try:
        from kinolog_stack.stack import Stack
    except ImportError as error:
        _say(f"kinolog up needs more than is installed ({error}).")
        _say("Install it with: pip install 'kinolog[all]'")
        raise typer.Exit(FAILED) from error
    stack = Stack(_settings(given), on_change=_tell)
    asked = _Asked(stack)
    for which in SIGNALS:
        if which != signal.SIGHUP or signal.getsignal(which) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(which, asked.hear)
    try:
        stack.start()
        asked.starting = False
        _welcome(stack, as_json)
        _wait(stack, asked.to_stop, verbose)
    except StartError as error:
        _say(f"kinolog did not start: {error.problem}")
        if error.remedy:
            _say(error.remedy)
        raise typer.Exit(FAILED) from error
    except OSError as error:
        _say(f"kinolog did not start: {error}")
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    finally:
        asked.starting = False
        asked.to_stop.set()
        stack.stop()
    _say("kinolog has stopped.")


def doctor(
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check every part, and say what is wrong and what to do about it. Exit code 1 when something is wrong."""
    from kinolog_stack.doctor import run_checks

    folder = DataFolder(_settings({"data": data}).data)
    checks = run_checks(folder)
    healthy = all(check.status != "wrong" for check in checks)
    if as_json:
        found = {"healthy": healthy, "data": str(folder.path), "checks": [asdict(check) for check in checks]}
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            sys.stdout.write(f"{MARKS[check.status]}  {check.name:<{width}}  {check.found}\n")
            if check.status != "ok" and check.remedy:
                sys.stdout.write(f"{'':<{width + 11}}{check.remedy}\n")
    raise typer.Exit(0 if healthy else FAILED)


class _Asked:
    """Turns signals into a wish to stop; the second one stops without waiting."""

    def __init__(self, stack: Stack) -> None:
        self.starting = True
        self.to_stop = threading.Event()
        self._stack = stack

    def hear(self, which: int, frame: FrameType | None) -> None:
        """Handler of SIGINT, SIGTERM and SIGHUP."""
        if self.to_stop.is_set():
            self._stack.abort()
            return
        self.to_stop.set()
        _say("stopping …")
        if self.starting:
            raise KeyboardInterrupt


def _settings(given: dict[str, object]) -> StackSettings:
    try:
        return StackSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        for problem in error.errors():
            _say(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}")
        raise typer.Exit(USAGE) from error


def _tell(kept: SupervisedProcess) -> None:
    if kept.state == "running" and kept.starts == 1:
        _say(f"  {kept.name} runs")
    elif kept.state == "running":
        _say(f"  {kept.name} runs again")
    elif kept.state == "restarting":
        _say(f"  {kept.name} {kept.problem}; starting it again")


def _welcome(stack: Stack, as_json: bool) -> None:
    if as_json:
        about = {"state": "running", "data": str(stack.folder.path), "addresses": stack.addresses}
        sys.stdout.write(json.dumps(about) + "\n")
        sys.stdout.flush()
        return
    _say("")
    _say("kinolog is up.")
    _say(f"  REST and WebSocket  {stack.addresses['gateway']}")
    _say(f"  gRPC                {stack.addresses['api']}")
    _say(f"  data                {stack.folder.path}")
    _say(f"  logs                {stack.folder.logs}")
    _say("Ctrl-C stops it.")


def _wait(stack: Stack, to_stop: threading.Event, verbose: bool) -> None:
    """Sleep until somebody asks to stop; meanwhile show what is logged, where that is wanted."""
    if not verbose:
        to_stop.wait()
        return
    names = ["stack", *stack.processes]
    follower = LogFileFollower(
        [stack.folder.log(name) for name in names], lambda name, line: _say(f"{name} | {line}")
    )
    while not to_stop.wait(FOLLOW_SECONDS):
        follower.follow()
    follower.follow()


def _say(line: str) -> None:
    """A line for the person who started it; on standard error, because standard output is for programs."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
