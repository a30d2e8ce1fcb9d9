"""The field that says whether a job made again names what the form has no fields for, as the earlier one did."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Label, Select

from kinolog_client import JobInfo, ModelInfo
from kinolog_tui.session.drafts import EarlierChoices, earlier_choices

AS_BEFORE, LEFT_OUT = "as before", "left out"


class EarlierField(Vertical):
    """Whether a job made again has the LoRAs, profile, upscaler, rates and guidance of the earlier one.

    It is there if the earlier job has any of them, and the chosen model is its own.
    """

    def __init__(self, *, classes: str) -> None:
        super().__init__(classes=classes)
        self._choices = EarlierChoices()
        self._model = ""

    def compose(self) -> ComposeResult:
        """The field below its name."""
        yield Label("LoRAs, profile, upscaler, rates, guidance as they were")
        words = [(word, word) for word in (AS_BEFORE, LEFT_OUT)]
        yield Select(words, value=AS_BEFORE, allow_blank=False, id="earlier", compact=True)

    def fill(self, job: JobInfo, model: ModelInfo) -> None:
        """Offer what a job named."""
        self._choices, self._model = earlier_choices(job, model), job.model
        self.query_one(Select).value = AS_BEFORE
        self.show_for(model)

    def show_for(self, model: ModelInfo) -> None:
        """Show the field, or hide it."""
        self.display = bool(self._choices.words) and model.name == self._model

    @property
    def value(self) -> EarlierChoices:
        """What the earlier job named; nothing if that is left out."""
        is_chosen = self.display and self.query_one(Select).value == AS_BEFORE
        return self._choices if is_chosen else EarlierChoices()
