"""Lengths of time as texts."""

from __future__ import annotations

import pytest

from kinolog.durations import age_text, length_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.4 s"),
        (59.94, "59.9 s"),
        (65, "1:05"),
        (3_599, "59:59"),
        (3_600, "1:00:00"),
        (7_505, "2:05:05"),
    ],
)
def test_lengths(seconds: float, text: str) -> None:
    """Seconds with a decimal below a minute, then minutes, then hours."""
    assert length_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (5, "5 s"), (180, "3 min"), (7_200, "2 h"), (172_800, "2 d")]
)
def test_ages(seconds: float, text: str) -> None:
    """The largest unit that fits; a time that is still to come counts as now."""
    assert age_text(seconds) == text
