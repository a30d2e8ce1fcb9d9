"""The fields for the file of a video: its codec, how well it is encoded, and its title."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Select

from kinolog_client import JobInfo, ModelInfo
from kinolog_tui.session.drafts import FIELD_NAMES, usual_crf
from kinolog_tui.widgets.draft.offered_choices import offer


class FileFields(Horizontal):
    """Codec, rate factor and title. What is left empty is that of the model."""

    def __init__(self) -> None:
        super().__init__(classes="row")
        self._model: ModelInfo | None = None

    def compose(self) -> ComposeResult:
        """The fields below their names."""
        with Vertical(classes="codec"):
            yield Label("codec")
            yield Select[str]([], prompt="…", id="codec", compact=True)
        with Vertical(classes="crf"):
            yield Label(FIELD_NAMES["crf"])
            yield Input(id="crf", compact=True)
        with Vertical(classes="title"):
            yield Label("title")
            yield Input(id="title", compact=True, placeholder="in the file")

    def show_for(self, model: ModelInfo) -> None:
        """Offer the codecs of a model."""
        self._model = model
        select = self.query_one("#codec", Select)
        offer(select, model.codecs)
        select.prompt = model.defaults.codec
        self._show_usual_crf()

    def fill(self, job: JobInfo) -> None:
        """Show what a job had. A codec that its model does not offer now is left out."""
        select, model = self.query_one("#codec", Select), self._model
        if model is not None and job.codec in model.codecs and job.codec != model.defaults.codec:
            select.value = job.codec
        else:
            select.clear()
        usual = usual_crf(job.codec, model) if model is not None else None
        self.query_one("#crf", Input).value = str(job.crf) if job.crf and job.crf != usual else ""
        self.query_one("#title", Input).value = job.title or ""

    @property
    def values(self) -> dict[str, str]:
        """The contents, by the names that a draft has for them."""
        codec = self.query_one("#codec", Select).value
        typed = {name: self.query_one(f"#{name}", Input).value.strip() for name in ("crf", "title")}
        return typed | {"codec": codec if isinstance(codec, str) else ""}

    @on(Select.Changed, "#codec")
    def _show_usual_crf(self) -> None:
        if self._model is not None:
            self.query_one("#crf", Input).placeholder = str(usual_crf(self.values["codec"], self._model))
