"""The last line of the form: how many videos are made of it, and the button that submits it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Button, Input, Label


class SubmitLine(Horizontal):
    """The number of variants, and the button with this text."""

    def __init__(self, button: str) -> None:
        super().__init__()
        self._button = button

    def compose(self) -> ComposeResult:
        """The number before the button, as a person reaches them."""
        yield Label("variants")
        yield Input(id="variants", compact=True, placeholder="1")
        yield Button(self._button, variant="primary", id="submit", compact=True)
