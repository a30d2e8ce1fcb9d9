"""The table of families in docs/models.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog.models.families import families
from kinolog.models.family_page import family_table, with_table

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def test_the_page_has_the_table_of_today() -> None:
    """docs/models.md is what `python -m kinolog.models.family_page docs/models.md` writes."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page


def test_every_family_is_listed_with_what_works() -> None:
    """A class has one line, which says whether it works or why it does not."""
    lines = family_table().splitlines()[2:]
    assert len(lines) == len(families())
    for name, family in families().items():
        (line,) = [line for line in lines if line.startswith(f"| {name} |")]
        state = line.split("|")[-2].strip()
        assert state.startswith("works") == (not family.refusal)


def test_a_page_without_marks_is_refused() -> None:
    """The table has a place of its own."""
    with pytest.raises(ValueError, match="end of families"):
        with_table("# Models")
