"""Generate: write what the video shall show, see what the model allows and how long it takes, submit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Label, Select, TextArea

from kinolog.ids import new_id
from kinolog_client.catalogue import ModelInfo, ModelListInfo
from kinolog_client.jobs import PRIORITIES, JobInfo, JobPageInfo
from kinolog_client.requests import JobListFilter, JobListOrder
from kinolog_tui.keys.bindings import bound
from kinolog_tui.keys.keymap_app import key_of
from kinolog_tui.screens.page import Page
from kinolog_tui.session.drafts import Draft, check, estimate, scenes_of
from kinolog_tui.session.messages import RequestAnswered, RequestRefused
from kinolog_tui.widgets.draft_view import DraftView

PAST_JOBS = 20
FIELDS = ("duration", "size", "steps", "seed")


class GeneratePage(Page):
    """The form on the left, what will come of it on the right."""

    NUMBER = "3"
    BINDINGS: ClassVar[list[BindingType]] = [
        bound("generate.submit", "submit", "Submit"),
        bound("everywhere.next", "app.focus_next", "Next field"),
        bound("everywhere.back", "leave", "Leave field"),
        bound("generate.edit", "edit", "Edit prompt", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._models: dict[str, ModelInfo] = {}
        self._past: dict[str, tuple[JobInfo, ...]] = {}
        self._request_id = new_id()
        self._sending = False

    def body(self) -> ComposeResult:
        """The form beside the draft."""
        with Horizontal():
            with VerticalScroll(id="form", can_focus=False):
                yield Label("prompt")
                yield TextArea(id="prompt", compact=True)
                yield Label("without")
                yield Input(id="negative", compact=True, placeholder="what it shall not show")
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
                    for name in FIELDS:
                        with Vertical():
                            yield Label({"duration": "seconds"}.get(name, name))
                            yield Input(id=name, compact=True)
                yield Button(self._submit_words(), variant="primary", id="submit", compact=True)
            yield VerticalScroll(DraftView(), id="outlook", can_focus=False)

    def _submit_words(self) -> str:
        return f"Submit ({key_of(self.app, 'generate.submit')})"

    def say_keys(self) -> None:
        """On the button too."""
        super().say_keys()
        self.query_one("#submit", Button).label = self._submit_words()

    def on_mount(self) -> None:
        """Write at once."""
        self.query_one("#prompt", TextArea).focus()

    def load(self) -> None:
        """Ask for the models, and for past jobs to tell the time from."""
        self.ask("models", self.kinolog.rest.models)

    def redraw(self) -> None:
        """The outlook too."""
        self._look()
        super().redraw()

    def on_answered(self, message: RequestAnswered) -> None:
        """Show an answer."""
        match message.value:
            case ModelListInfo(models=models):
                self._offer(models)
            case JobPageInfo(jobs=jobs):
                self._past[message.key.removeprefix("past ")] = jobs
                self._look()
            case JobInfo() as job:
                self._sending = False
                self._request_id = new_id()
                self.query_one("#prompt", TextArea).text = ""
                self.set_focus(None)  # coming back from the job, number keys go to pages
                self.notify("It is in the queue.", title=job.job_id[:8], timeout=3)
                self.kinolog.open_job(job.job_id)

    def on_refused(self, message: RequestRefused) -> None:
        """What was refused can be sent again, and makes one job. The page's own handler is called as well."""
        self._sending = False

    def _offer(self, models: Sequence[ModelInfo]) -> None:
        if [*self._models.values()] == list(models):
            return
        self._models = {model.name: model for model in models}
        chosen = next(
            (model.name for model in models if model.is_default), models[0].name if models else None
        )
        select = self.query_one("#model", Select)
        select.set_options([(model.name, model.name) for model in models])
        if chosen is not None:
            select.value = chosen

    @property
    def model(self) -> ModelInfo | None:
        """The chosen model."""
        value = self.query_one("#model", Select).value
        return self._models.get(value) if isinstance(value, str) else None

    @on(Select.Changed, "#model")
    def _model_chosen(self) -> None:
        model = self.model
        if model is None:
            return
        self.query_one("#style", Select).set_options([(style, style) for style in model.styles])
        hints = {
            "duration": f"{model.defaults.duration:g}",
            "size": model.defaults.size,
            "steps": str(model.defaults.steps),
            "seed": "drawn",
        }
        for name, hint in hints.items():
            self.query_one(f"#{name}", Input).placeholder = hint
        which = JobListFilter(statuses=("completed",), model=model.name)
        self.ask(f"past {model.name}", partial(self.kinolog.rest.jobs, which, JobListOrder(), PAST_JOBS))
        self._look()

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Select.Changed, "#priority,#style")
    def _look(self) -> None:
        model = self.model
        if model is None:
            return
        draft = self.draft()
        checked = check(draft, model)
        past = self._past.get(model.name)
        seconds = estimate(checked, past) if past is not None else None
        for name in FIELDS:
            self.query_one(f"#{name}", Input).set_class(name in checked.wrong, "-wrong")
        self.query_one(DraftView).show(model, checked, scenes_of(checked), seconds, len(past or ()))

    def draft(self) -> Draft:
        """What stands in the form."""

        def text(name: str) -> str:
            return self.query_one(f"#{name}", Input).value.strip()

        def chosen(name: str) -> str:
            value = self.query_one(f"#{name}", Select).value
            return value if isinstance(value, str) else ""

        return Draft(
            prompt=self.query_one("#prompt", TextArea).text,
            negative_prompt=text("negative"),
            priority=chosen("priority"),
            style=chosen("style"),
            **{name: text(name) for name in FIELDS},
        )

    @on(Button.Pressed, "#submit")
    def _pressed(self) -> None:
        self.action_submit()

    def action_submit(self) -> None:
        """Submit it, unless something is wrong with it."""
        model = self.model
        if model is None or self._sending:
            return
        checked = check(self.draft(), model)
        if checked.wrong:
            field, words = next(iter(checked.wrong.items()))
            self.notify(f"{field} {words}", title="Not sent", severity="warning", markup=False)
            self.query_one(f"#{field}").focus()
            return
        self._sending = True
        self.ask("submit", partial(self.kinolog.rest.generate, checked.wish, self._request_id))

    def action_leave(self) -> None:
        """Out of the field, so that the number keys reach the pages."""
        self.set_focus(None)

    def action_edit(self) -> None:
        """Back into the prompt."""
        self.query_one("#prompt", TextArea).focus()
