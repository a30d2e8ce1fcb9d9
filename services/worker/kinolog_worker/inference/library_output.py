"""Keeps words of prompts out of what the inference process prints: its output goes into files that outlive an erasure.

Libraries quote prompts in errors, warnings and prints. None of it is filtered, since a filter can miss a word. What
they log while a job runs goes to its owner, sealed (`kinolog_worker.reporting.progress_reporter`); what they print is
dropped. File descriptor 2 stays open for the C libraries and the fault handler, which have no prompt.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TextIO

from kinolog.process.logs import record_text

DETAIL_CHARACTERS = 2_000
"""An error text longer than this is cut."""

PRODUCT_LOG = "kinolog_worker"
_STDERR = 2
_DEVELOPERS_WARNINGS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)


def silence_output() -> None:
    """Drop what Python code prints from now on, and print errors that nobody handles without their text."""
    sys.stdout = sys.stderr = _nowhere()
    sys.excepthook = lambda _, error, trace: print_trace(error, trace)
    threading.excepthook = lambda failure: print_trace(failure.exc_value, failure.exc_traceback)
    logging.getLogger().addHandler(logging.NullHandler())  # else `logging` prints warnings by itself
    logging.getLogger(PRODUCT_LOG).setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    for category in _DEVELOPERS_WARNINGS:
        warnings.simplefilter("ignore", category)


def _nowhere() -> TextIO:
    """Return a stream that drops what is written, open as long as the process runs."""
    return open(os.devnull, "w", encoding="utf-8")


@contextmanager
def logged_to(
    send: Callable[[str, str], None], is_logged: Callable[[int], bool] = lambda _: True
) -> Iterator[None]:
    """Pass level and text of what is logged in the block to `send`: all of this product, the warnings of libraries.

    `is_logged` says of which threads, by their identifiers.
    """
    handler = _LogHandler(send, is_logged)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


class _LogHandler(logging.Handler):
    """Passes log records on as texts."""

    def __init__(self, send: Callable[[str, str], None], is_logged: Callable[[int], bool]) -> None:
        super().__init__(logging.INFO)
        self._send = send
        self._is_logged = is_logged

    def emit(self, record: logging.LogRecord) -> None:
        of_product = record.name.split(".")[0] == PRODUCT_LOG
        if (record.levelno >= logging.WARNING or of_product) and self._is_logged(record.thread or 0):
            self._send(record.levelname, record_text(record)[:DETAIL_CHARACTERS])


def error_kind(error: BaseException) -> str:
    """Return the type of an unexpected error and where it was raised, without its text, which may quote the prompt."""
    frames = traceback.extract_tb(error.__traceback__)
    kind = type(error).__name__
    return f"{kind} at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else kind


def error_text(error: BaseException) -> str:
    """Return the text of an error in one line, cut to a readable length. It may quote the prompt."""
    return " ".join(str(error).split())[:DETAIL_CHARACTERS]


def print_trace(error: BaseException | None, trace: TracebackType | None = None) -> None:
    """Print the type of an error and where it was raised, without its text."""
    if error is None:
        return
    lines = [f"{type(error).__name__} in the inference process\n"]
    lines += traceback.format_tb(trace or error.__traceback__)
    os.write(_STDERR, "".join(lines).encode(errors="backslashreplace"))
