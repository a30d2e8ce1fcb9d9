"""The form of a video: its fields in rows."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Label, Select, TextArea

from kinolog.storyboard.planner import Shots
from kinolog_client import PRIORITIES
from kinolog_tui.session.drafts import FIELD_NAMES, NUMBER_FIELDS
from kinolog_tui.widgets.draft.chain_field import ChainField
from kinolog_tui.widgets.draft.earlier_field import EarlierField
from kinolog_tui.widgets.draft.file_fields import FileFields
from kinolog_tui.widgets.draft.picture_field import PictureField


class DraftForm(VerticalScroll):
    """All fields, and the button below them with this text."""

    def __init__(self, button: str) -> None:
        super().__init__(id="form", can_focus=False)
        self._button = button

    def compose(self) -> ComposeResult:
        """The prompt, then the rows."""
        yield Label("prompt")
        yield TextArea(id="prompt", compact=True)
        with Horizontal(classes="row first"):
            with Vertical(classes="negative"):
                yield Label(FIELD_NAMES["negative"])
                yield Input(id="negative", compact=True, placeholder="what it shall not show")
            with Vertical():
                yield Label("shots")
                words = [(shots.value, shots.value) for shots in Shots]
                yield Select(words, value="one", allow_blank=False, id="shots", compact=True)
            yield ChainField()
        with Horizontal(classes="row"):
            with Vertical(classes="model"):
                yield Label("model")
                yield Select[str]([], prompt="…", id="model", compact=True)
            with Vertical():
                yield Label("priority")
                words = [(word, word) for word in reversed(PRIORITIES)]
                yield Select(words, value="medium", allow_blank=False, id="priority", compact=True)
            with Vertical():
                yield Label("style")
                yield Select[str]([], prompt="none", id="style", compact=True)
        with Horizontal(classes="row"):
            for name in NUMBER_FIELDS:
                with Vertical(classes=name):
                    yield Label(FIELD_NAMES.get(name, name))
                    yield Input(id=name, compact=True)
        yield FileFields()
        yield PictureField(classes="row")
        yield EarlierField(classes="row")
        yield Button(self._button, variant="primary", id="submit", compact=True)
