"""The format of log lines, and what they never contain."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable

import psycopg
import pytest
from pydantic import BaseModel

from kinolog.ports.event_store import LogUnavailable
from kinolog.process.logs import MALFORMED, WITHHELD, JsonLines, TextLines, annotate, error_trace, fields

SECRET = "a red circle, moving"


def _record(message: str, **values: object) -> logging.LogRecord:
    logger = logging.getLogger("kinolog.test")
    return logger.makeRecord(
        logger.name, logging.INFO, "file", 1, message, (), None, extra=fields("submit", **values)
    )


def test_text_line_has_action_and_fields() -> None:
    """A text line ends with the action and the fields, quoted if they contain spaces."""
    line = TextLines("api").format(_record("job accepted", job="01A", style="Slow Motion", seconds=0.25))
    assert line.endswith(
        'api kinolog.test job accepted action=submit job=01A style="Slow Motion" seconds=0.25'
    )


def test_json_line_is_one_object() -> None:
    """A JSON line stays one line and one object, whatever the message contains."""
    line = JsonLines("api").format(_record("two\nlines", job="01A"))
    assert "\n" not in line
    entry = json.loads(line)
    assert (entry["process"], entry["action"], entry["job"]) == ("api", "submit", "01A")
    assert entry["message"] == "two\nlines"


def test_private_fields_are_withheld() -> None:
    """A field named like a prompt or a secret loses its value in both formats."""
    record = _record("job accepted", prompt="a red circle", api_key="k-1")
    for formatter in (TextLines("api"), JsonLines("api")):
        line = formatter.format(record)
        assert "red circle" not in line
        assert "k-1" not in line
        assert WITHHELD in line


def test_names_that_logging_reserves_can_be_used() -> None:
    """A field called like an attribute of a record does not break the call."""
    assert "name_=tiny" in TextLines("api").format(_record("loaded", name="tiny"))


class _Body(BaseModel):
    count: int


def _refuse() -> None:
    _Body.model_validate({"count": SECRET})


def _read() -> None:
    json.loads(SECRET)


def _look_up() -> None:
    {}[SECRET]  # type: ignore[index]


def _write() -> None:
    raise psycopg.errors.NotNullViolation(f"null value\nDETAIL:  Failing row contains (1, {SECRET}).")


def _group() -> None:
    raise ExceptionGroup("unhandled errors in a TaskGroup", [ValueError(SECRET), KeyError(SECRET)])


def _wrap() -> None:
    try:
        _look_up()
    except KeyError as error:
        raise LogUnavailable("the log does not answer") from error


def _handle() -> None:
    try:
        _look_up()
    except KeyError:
        _read()


@pytest.mark.parametrize("fail", [_refuse, _read, _look_up, _write, _group, _wrap, _handle])
def test_tracebacks_quote_nothing(fail: Callable[[], None]) -> None:
    """A traceback has the place and the type of each error, but no text of a library's error."""
    record = _record("refused")
    try:
        fail()
    except Exception:
        record.exc_info = sys.exc_info()
    for formatter in (TextLines("api"), JsonLines("api")):
        line = formatter.format(record)
        assert "red circle" not in line
        assert fail.__name__ in line
        assert WITHHELD in line


@pytest.mark.parametrize(
    "error", [LogUnavailable("it does not answer"), FileNotFoundError(2, "it is gone", "x")]
)
def test_tracebacks_have_the_texts_of_our_own_errors_and_of_the_system(error: Exception) -> None:
    """The texts of errors that quote no data are kept."""
    assert error_trace(error).endswith(f"{type(error).__name__}: {error}")


def test_what_asyncio_quotes_is_not_logged() -> None:
    """Of a task's error that nobody awaited, the message of asyncio has the text a second time."""
    logger = logging.getLogger("asyncio")
    for message in (
        f"Task exception was never retrieved\nfuture: <Task finished exception=ValueError('{SECRET}')>",
        f"Exception in callback send('{SECRET}')",
    ):
        record = logger.makeRecord(logger.name, logging.ERROR, "file", 1, message, (), None)
        line = TextLines("api").format(record)
        assert "red circle" not in line
        assert message[:21] in line


def test_a_malformed_log_call_is_one_line() -> None:
    """A record whose text and arguments do not fit quotes neither, and raises nothing."""
    record = _record("%d circles")
    record.args = (SECRET,)
    line = TextLines("api").format(record)
    assert SECRET not in line
    assert line.endswith(f"kinolog.test {MALFORMED} action=submit")


async def test_annotations_belong_to_a_task_and_those_that_it_starts() -> None:
    """Records about a job name it although their calls do not. Other tasks have none of it, and own fields win."""

    async def logged(**values: object) -> dict[str, object]:
        entry: dict[str, object] = json.loads(JsonLines("worker").format(_record("line", **values)))
        return entry

    async def of_job(job: str) -> list[dict[str, object]]:
        annotate(job=job, prompt=SECRET)
        annotate(attempt=2)
        return [await asyncio.create_task(logged()), await logged(job="other")]

    found = await asyncio.gather(*(asyncio.create_task(of_job(job)) for job in ("01A", "01B")))
    assert [(lines[0]["job"], lines[0]["attempt"]) for lines in found] == [("01A", 2), ("01B", 2)]
    assert {lines[1]["job"] for lines in found} == {"other"}
    assert {lines[0]["prompt"] for lines in found} == {WITHHELD}
    assert "job" not in await logged()
