"""Starts the dashboard: the terminal is asked what it can show while the dashboard is still being loaded."""

from __future__ import annotations

from kinolog_tui.graphics.abilities import Question


def run(url: str, api_key: str | None = None) -> None:
    """Run it until the person leaves."""
    question = Question()
    try:
        from kinolog_tui.app import KinologApp
    finally:
        abilities = question.answer()
    KinologApp(url, api_key, abilities=abilities).run()
