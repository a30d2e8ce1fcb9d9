"""Logging of every process: one line per event on standard error, as text or JSON.

    logger = logging.getLogger(__name__)
    logger.info("job accepted", extra=fields("submit", job=job_id, position=position))

`action` is a stable name to search for; the other fields are ids and measurements. Prompts and secrets are never
logged: the value of a field with such a name is withheld, and so is the text of an error of a library, which may
quote what the library was given: a row, a parameter, a document.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

PRIVATE_FIELDS = frozenset(
    {
        "prompt",
        "negative_prompt",
        "prompts",
        "caption",
        "storyboard",
        "password",
        "secret",
        "api_key",
        "token",
    }
)
WITHHELD = "[withheld]"
MALFORMED = "a log line that cannot be formatted"
"""Stands for a record whose text and arguments do not fit: `logging` would print both, or raise."""
_PLAIN_ERRORS = (OSError, AttributeError, ImportError, NameError, TypeError)
"""Errors of Python whose texts name files, attributes and types."""
_PLAIN_PACKAGES = ("kinolog", "nats")
"""Beginnings of the packages whose errors quote nothing that they were given."""
_CITED = re.compile(r"\n.*|(?<=callback ).*", re.DOTALL)
"""What asyncio adds to a message: the task with its error, or the callback with its arguments."""
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {
    "message",
    "asctime",
    "taskName",
}


def configure(process: str, level: str = "INFO", log_format: str = "text") -> None:
    """Configure the logging of this process, in place of an earlier configuration. `log_format` is `text` or `json`."""
    # These libraries print long prompts in warnings, through their own handlers.
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process) if log_format == "json" else TextLines(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("kinolog", "kinolog_api", "kinolog_projector", "kinolog_worker", "kinolog_gateway"):
        logging.getLogger(name).setLevel(level.upper())


_ANNOTATIONS: ContextVar[Mapping[str, object]] = ContextVar("annotations", default=MappingProxyType({}))


def annotate(**values: object) -> None:
    """Add fields to all later records of this task and of the tasks that it starts, such as the job that it is about.

    A record keeps its own value of a field.
    """
    _ANNOTATIONS.set(MappingProxyType({**_ANNOTATIONS.get(), **values}))


def fields(action: str, **values: object) -> dict[str, object]:
    """Return the `extra=` of a log call. A name that `logging` reserves gets a trailing underscore."""
    return {"action": action} | {f"{k}_" if k in _STANDARD else k: v for k, v in values.items()}


class _ProcessFormatter(logging.Formatter):
    """Formats the records of one process."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is from logging
        """Return the traceback without texts that may quote data."""
        return error_trace(ei[1])


class TextLines(_ProcessFormatter):
    """`time LEVEL process logger message action=… key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, followed by the traceback if there is one."""
        parts = [_time(record), record.levelname, self._process, record.name, _one_line(_message(record))]
        parts += [f"{name}={_value(value)}" for name, value in _fields(record).items()]
        line = " ".join(parts)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(_ProcessFormatter):
    """One JSON object per line: time, level, process, logger, message, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line. Values without a JSON form are converted to text."""
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": _message(record),
            **_fields(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def record_text(record: logging.LogRecord) -> str:
    """Return the text of a record; `MALFORMED` for a wrong log call of a library. Raises nothing."""
    try:
        return record.getMessage()
    except Exception:  # the arguments do not fit the text, or one of them has no text
        return MALFORMED


def error_trace(error: BaseException | None) -> str:
    """Return where an error, its cause and its parts were raised, without texts that may quote data."""
    return "".join(_trace_lines(error, set())).rstrip("\n")


def _trace_lines(error: BaseException | None, seen: set[int]) -> Iterator[str]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None and id(earlier) not in seen:
        yield from _trace_lines(earlier, seen)
        yield "which led to:\n" if earlier is error.__cause__ else "while it was handled:\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__name__}: {_plain_text(error)}\n"
    for part in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _trace_lines(part, seen)


def _plain_text(error: BaseException) -> str:
    """Return the text of an error; `WITHHELD` if it may quote data. Postgres' error is named by its SQLSTATE."""
    package = type(error).__module__.partition(".")[0]
    if package.startswith(_PLAIN_PACKAGES) or isinstance(error, (*_PLAIN_ERRORS, BaseExceptionGroup)):
        return str(error)
    state = getattr(error, "sqlstate", None)
    return f"{WITHHELD} SQLSTATE {state}" if isinstance(state, str) else WITHHELD


def _message(record: logging.LogRecord) -> str:
    message = record_text(record)
    return _CITED.sub("", message) if record.name == "asyncio" else message


def _fields(record: logging.LogRecord) -> dict[str, object]:
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    named = {**extra, **{name: value for name, value in _ANNOTATIONS.get().items() if name not in extra}}
    return {name: WITHHELD if name in PRIVATE_FIELDS else value for name, value in named.items()}


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _value(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c in text for c in ' "=\n\r\t') else text


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n").replace("\r", "\\r")
