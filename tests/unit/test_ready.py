"""The line of a process that is ready."""

from __future__ import annotations

import pytest

from kinolog.process.ready_line import announce, parse


def test_what_is_announced_can_be_parsed(capsys: pytest.CaptureFixture[str]) -> None:
    """An announcement is parsed with all its fields."""
    announce("gateway", url="http://127.0.0.1:8085")
    assert parse(capsys.readouterr().out) == {"name": "gateway", "url": "http://127.0.0.1:8085"}


def test_other_lines_announce_nothing() -> None:
    """Another line with the word ready is not an announcement."""
    assert parse("already there") is None
    assert parse("ready 127.0.0.1:50051\n") == {"address": "127.0.0.1:50051"}
