"""The format of log lines, and what they never contain."""

from __future__ import annotations

import json
import logging
import sys

from pydantic import BaseModel, ValidationError

from kinolog.process.logs import WITHHELD, JsonLines, TextLines, fields


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


def test_traceback_does_not_repeat_refused_input() -> None:
    """The traceback of a validation error is logged without the invalid input."""

    class Body(BaseModel):
        count: int

    record = _record("refused")
    refused = {"count": "a red circle, moving"}
    try:
        Body.model_validate(refused)
    except ValidationError:
        record.exc_info = sys.exc_info()
    for formatter in (TextLines("api"), JsonLines("api")):
        line = formatter.format(record)
        assert "red circle" not in line
        assert "ValidationError" in line
