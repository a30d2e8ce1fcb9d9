"""docs/settings.md lists the settings of all processes."""

from __future__ import annotations

from pathlib import Path

from kinolog_stack.settings_page import READERS, render

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_up_to_date() -> None:
    """The page is what `python -m kinolog_stack.settings_page` writes."""
    assert PAGE.read_text(encoding="utf-8") == render()


def test_every_setting_has_a_description() -> None:
    """Every setting has a description."""
    for settings in READERS.values():
        for name, field in settings.model_fields.items():
            assert field.description, name
