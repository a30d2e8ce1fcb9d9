"""Starts the dashboard: the terminal is asked what it can show while the dashboard is still being loaded."""

from __future__ import annotations

import gc

from kinolog_tui.graphics.abilities import Question


def run(url: str, api_key: str | None = None) -> None:
    """Run it until the person leaves."""
    question = Question()
    try:
        from kinolog_tui.app import KinologApp
    finally:
        abilities = question.answer()
    _collect_seldom()
    KinologApp(url, api_key, abilities=abilities).run()


def _collect_seldom() -> None:
    """Look for garbage less often, and not in what stays: such a look holds a key up for a tenth of a second."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
