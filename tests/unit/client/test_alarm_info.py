"""An alarm in words: for tenants, and for operators."""

from __future__ import annotations

import pytest

from kinolog_client import AlarmInfo


@pytest.mark.parametrize(
    ("text", "details", "parts"),
    [
        ("A disk is full.", "", ("A disk is full.",)),
        ("The log is damaged.", "position 7", ("The log is damaged.", "position 7")),
        ("evt.job.… is damaged", "evt.job.abc is damaged position 7", ("evt.job.abc is damaged position 7",)),
        ("evt.job.… is damaged", "another sentence", ("evt.job.… is damaged", "another sentence")),
    ],
)
def test_details_stand_for_the_text_that_they_complete(
    text: str, details: str, parts: tuple[str, ...]
) -> None:
    """What an operator reads says each sentence once."""
    assert AlarmInfo(name="trouble", text=text, details=details).parts == parts
