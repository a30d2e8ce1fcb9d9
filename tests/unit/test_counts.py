"""Counts with their nouns."""

from __future__ import annotations

import pytest

from kinolog.counts import counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs"), (1_000, "1000 jobs")]
)
def test_one_is_singular(number: int, text: str) -> None:
    """Only one of something has no plural."""
    assert counted(number, "job") == text


def test_a_noun_may_have_a_plural_of_its_own() -> None:
    """Not every plural ends with a bare s."""
    assert [counted(number, "index", "indexes") for number in (1, 2)] == ["1 index", "2 indexes"]
