"""The `main` of every process: read its settings, configure logging, run it, and report why it cannot start."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import uvloop
from pydantic import ValidationError

from kinolog.process import logs
from kinolog.process.settings import ProcessSettings, describe_invalid_setting

CANNOT_START = 2
"""Exit status of a process that cannot start."""
INTERRUPTED = 130
"""Exit status after Ctrl-C before the process serves."""

S = TypeVar("S", bound=ProcessSettings)


class CannotStart(Exception):
    """The process cannot start. The message gives the reason and what to do; `status` is the exit status."""

    def __init__(self, why: str, status: int = CANNOT_START) -> None:
        super().__init__(why)
        self.status = status


def run_process(
    name: str,
    settings_type: type[S],
    serve: Callable[[S], Coroutine[Any, Any, None]],
    start_errors: tuple[type[Exception], ...] = (),
) -> None:
    """Run `serve` with the settings of the environment until it returns.

    A wrong setting, `CannotStart` and `start_errors` end the process with one line on standard error and exit
    status 2 (or that of `CannotStart`).
    """
    try:
        settings = settings_type()
    except ValidationError as error:
        exit_with(name, describe_invalid_setting(error))
    logs.configure(name, settings.log_level, settings.log_format)
    try:
        uvloop.run(serve(settings))
    except CannotStart as error:
        exit_with(name, str(error), error.status)
    except start_errors as error:
        exit_with(name, str(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@contextmanager
def needs_extra(name: str) -> Iterator[None]:
    """Import the app of a process inside. A library that is missing ends the process with what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("kinolog"):
            raise
        exit_with(name, f"{error.name} is not installed; install it with: pip install 'kinolog[{name}]'")


def exit_with(name: str, why: str, status: int = CANNOT_START) -> NoReturn:
    """Write the reason to standard error and end the process with this exit status."""
    sys.stderr.write(f"kinolog-{name}: {why}\n")
    sys.exit(status)


def stop_requested() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set. Call it in the running loop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping
