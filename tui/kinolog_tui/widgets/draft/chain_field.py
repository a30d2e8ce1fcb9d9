"""The field that says whether each scene goes on from the end of the one before."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Label, Select

from kinolog_client import ModelInfo

APART, CHAINED = "apart", "chained"


class ChainField(Vertical):
    """How scenes follow each other. It is there where jobs of the chosen model can be chained."""

    def compose(self) -> ComposeResult:
        """The field below its name."""
        yield Label("scenes")
        words = [(word, word) for word in (APART, CHAINED)]
        yield Select(words, value=APART, allow_blank=False, id="chained", compact=True)

    def show_for(self, model: ModelInfo) -> None:
        """Show the field, or hide it."""
        self.display = bool(model.window_frames)

    @property
    def value(self) -> bool:
        """Whether the video is chained."""
        return bool(self.display) and self.query_one(Select).value == CHAINED

    @value.setter
    def value(self, chained: bool) -> None:
        self.query_one(Select).value = CHAINED if chained else APART
