"""The `main` of every process: read its settings, configure logging, run it, and report why it cannot start."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, TypeVar

import uvloop
from pydantic import ValidationError

from kinolog.process import logs
from kinolog.process.gc_tuning import without_collection
from kinolog.process.setting_groups.common import ProcessSettings
from kinolog.process.settings import describe_invalid_setting

FAILED = 1
"""Exit status of a process that an error ends which none of its parts expects."""
CANNOT_START = 2
"""Exit status of a process that cannot start."""
INTERRUPTED = 130
"""Exit status after Ctrl-C before the process serves."""
STOP_TIMED_OUT = 4
"""Exit status of a process that was to stop and did not in time."""
STOP_SECONDS = 9.0
"""How long a process may take to stop. `kinolog up` and docker kill it after 10 s."""

logger = logging.getLogger(__name__)

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
    status 2 (or that of `CannotStart`). Any other error is a fault of kinolog: the log has where it happened, without
    the texts of libraries' errors, which may quote a prompt, and the exit status is 1.
    """
    try:
        settings = settings_type()
    except ValidationError as error:
        exit_with(name, describe_invalid_setting(error))
    logs.configure(name, settings.log_level, settings.log_format)
    # Until the process serves. The first process of a container ignores a signal that it does not handle.
    signal.signal(signal.SIGTERM, _end_at_once)
    try:
        uvloop.run(serve(settings))
    except CannotStart as error:
        exit_with(name, str(error), error.status)
    except start_errors as error:
        exit_with(name, str(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        extra = logs.fields("failed", error=type(error).__name__)
        logger.critical(
            "this process ends with an error that it does not expect", exc_info=error, extra=extra
        )
        exit_with(
            name,
            f"ended by an error that it does not expect, {type(error).__name__}: a fault of kinolog",
            FAILED,
        )


def refuse_arguments(program: str, description: str) -> None:
    """Print the help of a program without arguments if the command line asks for it, and refuse anything else.

    Without this, `kinolog-gateway --help` would start a gateway. Exits with status 0 after the help, else with 2.
    """
    settings = "It takes no arguments. Its settings are environment variables: docs/settings.md lists them."
    argparse.ArgumentParser(prog=program, description=f"{description} {settings}").parse_args()


@contextmanager
def needs_extra(name: str) -> Iterator[None]:
    """Import the app of a process inside. A library that is missing ends the process with what to install."""
    try:
        with without_collection():
            yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("kinolog"):
            raise
        exit_with(name, f"{error.name} is not installed; install it with: pip install 'kinolog[{name}]'")


def exit_with(name: str, why: str, status: int = CANNOT_START) -> NoReturn:
    """Write the reason to standard error and end the process with this exit status."""
    sys.stderr.write(f"kinolog-{name}: {why}\n")
    sys.exit(status)


def stop_requested(limit_seconds: float = STOP_SECONDS) -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set. Call it in the running loop.

    The process ends `limit_seconds` after the first of them, whatever it waits for.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if not stopping.is_set():
            stopping.set()
            end_process_after(limit_seconds)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return stopping


def end_process_after(limit_seconds: float) -> None:
    """End this process after a time, unless it has ended before. Call it in the running loop, when it shall stop.

    The log names the tasks that did not end. A thread does it: the event loop may be what does not go on.
    """
    loop = asyncio.get_running_loop()

    def end() -> None:
        waiting = sorted(str(task.get_coro()) for task in asyncio.all_tasks(loop))
        extra = logs.fields("stop_timed_out", tasks="; ".join(waiting))
        logger.critical("this process did not stop within %g s and is ended", limit_seconds, extra=extra)
        os._exit(STOP_TIMED_OUT)

    timer = threading.Timer(limit_seconds, end)
    timer.daemon = True
    timer.start()


def end_this_process() -> None:
    """Stop this process as a request from outside would, so that its supervisor starts it again."""
    signal.raise_signal(signal.SIGTERM)


def _end_at_once(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)
