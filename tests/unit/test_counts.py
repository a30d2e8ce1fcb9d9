"""Counts with their nouns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from kinolog.counts import counted

ROOT = Path(__file__).parents[2]
NOUNS = (
    *("attempt", "byte", "commit", "event", "file", "film", "frame", "job", "key", "line", "position", "row"),
    *("scene", "step", "table", "ticket", "worker"),
)
NEVER_ONE = ("rate", "rows", "status")
"""Values that are no count of their noun, or at least 25."""


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs"), (1_000, "1000 jobs")]
)
def test_one_is_singular(number: int, text: str) -> None:
    """Only one of something has no plural."""
    assert counted(number, "job") == text


def test_a_noun_may_have_a_plural_of_its_own() -> None:
    """Not every plural ends with a bare s."""
    assert [counted(number, "index", "indexes") for number in (1, 2)] == ["1 index", "2 indexes"]


def test_texts_count_with_the_helper() -> None:
    """No text of the product puts a number before a plural by itself.

    A constant in capitals is never one. A number with a format of its own is looked after where it is written.
    """
    wrong = []
    for file in (file for room in ("src", "services", "tui") for file in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                wrong += [f"{file.relative_to(ROOT)}: {text}" for text in uncounted(node)]
    assert not wrong, "\n".join(wrong)


def uncounted(text: ast.JoinedStr) -> Iterator[str]:
    """Yield each number of an f-string that a plural follows."""
    for number, words in pairwise(text.values):
        if (
            isinstance(number, ast.FormattedValue)
            and isinstance(words, ast.Constant)
            and number.format_spec is None
        ):
            word = re.match(r" (\w+)s\b", str(words.value))
            written = ast.unparse(number.value)
            if word and word[1] in NOUNS and not written.isupper() and written not in NEVER_ONE:
                yield f"{{{written}}} {word[1]}s"
