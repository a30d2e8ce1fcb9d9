"""The form of a video: its fields in rows."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input, Label, Select, TextArea

from kinolog.storyboard.planner import Shots
from kinolog_client import PRIORITIES, ModelInfo
from kinolog_tui.session.drafts import FIELD_NAMES, NUMBER_FIELDS, Draft
from kinolog_tui.widgets.draft.chain_field import ChainField
from kinolog_tui.widgets.draft.earlier_field import EarlierField
from kinolog_tui.widgets.draft.file_fields import FileFields
from kinolog_tui.widgets.draft.offered_choices import offer
from kinolog_tui.widgets.draft.picture_field import PictureField
from kinolog_tui.widgets.draft.submit_line import SubmitLine


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
        yield SubmitLine(self._button)

    def show_for(self, model: ModelInfo) -> None:
        """Offer what a model takes, and show its defaults in the empty fields."""
        offer(self.query_one("#style", Select), model.styles)
        self.query_one(FileFields).show_for(model)
        self.query_one(PictureField).show_for(model)
        self.query_one(ChainField).show_for(model)
        self.query_one(EarlierField).show_for(model)
        hints = {
            "duration": f"{model.defaults.duration:g}",
            "size": model.defaults.size,
            "steps": str(model.defaults.steps),
            "seed": "random",
        }
        for name, hint in hints.items():
            self.query_one(f"#{name}", Input).placeholder = hint

    @property
    def draft(self) -> Draft:
        """The contents, as typed."""
        return Draft(
            prompt=self.query_one("#prompt", TextArea).text,
            negative_prompt=self._typed("negative"),
            shots=Shots(self._chosen("shots")),
            priority=self._chosen("priority"),
            style=self._chosen("style"),
            **{name: self._typed(name) for name in (*NUMBER_FIELDS, "variants")},
            **self.query_one(FileFields).values,
            chained=self.query_one(ChainField).value,
            earlier=self.query_one(EarlierField).value,
        )

    def _typed(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    def _chosen(self, name: str) -> str:
        value = self.query_one(f"#{name}", Select).value
        return value if isinstance(value, str) else ""
