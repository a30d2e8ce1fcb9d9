"""Generate: write a prompt, see the model's limits and the estimated duration, submit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Button, Input, Select, TextArea

from kinolog.ids import new_id
from kinolog.storyboard.planner import Shots
from kinolog.storyboard.render_times import RenderTimes
from kinolog_client import (
    CommandInfo,
    JobInfo,
    JobPageInfo,
    JobSelection,
    ModelInfo,
    ModelListInfo,
    TimeSpan,
)
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.prompts.external_editor import EditorFailed, edited
from kinolog_tui.prompts.history import PromptHistory
from kinolog_tui.prompts.pictured_submit import submit_with_picture
from kinolog_tui.screens.page import Page
from kinolog_tui.session.drafts import (
    FIELD_NAMES,
    NUMBER_FIELDS,
    check_draft,
    draft_size,
    earlier_choices,
    planned_scenes,
    shots_of,
)
from kinolog_tui.session.job_list_filter import JobListFilter
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.text.display_text import short_id
from kinolog_tui.widgets.draft.chain_field import ChainField
from kinolog_tui.widgets.draft.draft_form import DraftForm
from kinolog_tui.widgets.draft.draft_view import DraftView
from kinolog_tui.widgets.draft.earlier_field import EarlierField
from kinolog_tui.widgets.draft.file_fields import FileFields
from kinolog_tui.widgets.draft.offered_choices import offer
from kinolog_tui.widgets.draft.picture_field import PictureField
from kinolog_tui.widgets.scroll_area import ScrollArea

PAST_PROMPTS = 100
"""Jobs whose prompts can be recalled."""
PAST_JOBS = 50
"""Past jobs that a time is estimated from: the newest, and as many of the longest of the last 30 days."""


class GeneratePage(Page):
    """The form on the left, the checked draft on the right."""

    NUMBER = "3"
    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("generate.submit", "submit", "Submit"),
        key_binding("everywhere.next", "app.focus_next", "Next field"),
        key_binding("everywhere.back", "leave", "Leave field"),
        key_binding("generate.earlier", "recall(1)", "Earlier prompts"),
        key_binding("generate.later", "recall(-1)", "Later", show=False),
        key_binding("generate.editor", "open_editor", "Editor"),
        key_binding("generate.edit", "edit", "Edit prompt", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._models: dict[str, ModelInfo] = {}
        self._past_jobs: dict[str, tuple[JobInfo, ...]] = {}
        """Of each request for past jobs, by its key."""
        self._times: dict[str, RenderTimes] = {}
        """By model."""
        self._request_id = new_id()
        self._sending = False
        self._sent_text = ""
        self._history = PromptHistory()
        self._styles_of = ""
        """The model whose styles can be chosen."""
        self._to_fill: JobInfo | None = None
        """A job that the form is filled with as soon as its model is chosen."""

    def body(self) -> ComposeResult:
        """The form beside the draft."""
        with Horizontal():
            yield DraftForm(self._submit_label())
            yield ScrollArea(DraftView(), id="outlook")

    def _submit_label(self) -> str:
        return f"Submit ({key_label(self.app, 'generate.submit')})"

    def draw_key_names(self) -> None:
        """The key is named on the button too."""
        super().draw_key_names()
        self.query_one("#submit", Button).label = self._submit_label()

    def on_mount(self) -> None:
        """Focus the prompt."""
        self.query_one("#prompt", TextArea).focus()

    @property
    def hidden_actions(self) -> frozenset[str]:
        """Leave the submission out of the bottom line if the dashboard only looks."""
        return self.unusable_actions | (frozenset({"submit"}) if self.kinolog.read_only else frozenset())

    def load(self) -> None:
        """Request the models."""
        self.query_one("#submit", Button).display = not self.kinolog.read_only
        self.request("models", self.kinolog.client.models)
        self.request("history", partial(self.kinolog.client.jobs, limit=PAST_PROMPTS))

    def redraw(self) -> None:
        """Draw the checked draft again too."""
        self._show_draft()
        super().redraw()

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show an answer."""
        match message.value:
            case ModelListInfo(models=models):
                self._show_models(models)
            case JobPageInfo(jobs=jobs) if message.key == "history":
                self._history.show(job.prompt for job in jobs)
            case JobPageInfo(jobs=jobs):
                self._past_jobs[message.key] = jobs
                model = message.key.partition(" ")[2]
                lists = (self._past_jobs.get(f"{kind} {model}", ()) for kind in ("newest", "longest"))
                past = {job.job_id: job for job in chain.from_iterable(lists)}
                self._times[model] = RenderTimes(past.values())
                self._show_draft()
            case CommandInfo() as sent:
                self._show_sent(sent)

    def _show_sent(self, sent: CommandInfo) -> None:
        """Open the job, or the list of its variants, unless another page is open.

        The prompt is emptied, unless the person writes the next one already. It has the focus: back from the job, what
        is typed is text and no key.
        """
        self._sending = False
        self._request_id = new_id()
        prompt = self.query_one("#prompt", TextArea)
        if prompt.text == self._sent_text:
            prompt.text = ""
            prompt.focus()
        variants = len(sent.variants)
        if variants > 1:
            self.notify(f"{variants} variants are in the queue, the first is {short_id(sent.job_id)}")
        else:
            self.notify(f"{short_id(sent.job_id)} is in the queue")
        if self.is_active and variants > 1:
            self.kinolog.list_jobs(JobListFilter(variant_of=sent.job_id))
        elif self.is_active:
            self.kinolog.open_job(sent.job_id)

    def on_request_failed(self, message: RequestFailed) -> None:
        """Allow another try; the request id makes it one job. The base's handler reports the failure."""
        self._sending = False

    def _show_models(self, models: Sequence[ModelInfo]) -> None:
        if [*self._models.values()] == list(models):
            self._choose_model_to_fill()
            return
        self._models = {model.name: model for model in models}
        chosen = next((one.name for one in models if one.is_default), models[0].name if models else None)
        select = self.query_one("#model", Select)
        offer(select, [model.name for model in models], chosen)
        if self._to_fill is not None and self._to_fill.model in self._models:
            select.value = self._to_fill.model

    def fill(self, job: JobInfo) -> None:
        """Fill the form with the request of a job. A prompt that was not sent can be recalled."""
        self._to_fill = job
        if self._models:
            self._choose_model_to_fill()

    def _choose_model_to_fill(self) -> None:
        """Choose the job's model. Its styles and limits are known when the choice is handled; then the rest follows."""
        job = self._to_fill
        if job is None:
            return
        select = self.query_one("#model", Select)
        if job.model in self._models and select.value != job.model:
            select.value = job.model
        elif self._styles_of == select.value:
            self._fill_fields(job)

    def _fill_fields(self, job: JobInfo) -> None:
        self._to_fill = None
        prompt, model = self.query_one("#prompt", TextArea), self.model
        self._history.put_aside(prompt.text)
        self._write(job.prompt or "")
        values = {
            "negative": job.negative_prompt or "",
            "duration": f"{job.duration:g}" if job.duration else "",
            "size": job.size,
            "steps": str(job.steps or ""),
            "seed": str(job.seed),
            "variants": "",
        }
        for name, value in values.items():
            self.query_one(f"#{name}", Input).value = value
        self.query_one("#priority", Select).value = job.priority
        shots = shots_of(job)
        self.query_one("#shots", Select).value = shots.value
        style = self.query_one("#style", Select)
        if job.style and model is not None and job.style in model.styles:
            style.value = job.style
        else:
            style.clear()
        self.query_one(FileFields).fill(job)
        self.query_one(ChainField).value = job.chained
        is_one = shots is Shots.ONE and job.scenes > 1
        lost = "; its scenes are one shot now" if is_one and not job.chained else ""
        lost += "; it is one shot now, cut where the model needs it" if is_one and job.chained else ""
        lost += "; name its picture again" if job.inputs else ""
        lost += f"; {job.codec} is not offered now" if model and job.codec not in ("", *model.codecs) else ""
        lost += "; no language model writes its prompt now" if job.prompt_writer else ""
        if model is not None:
            self.query_one(EarlierField).fill(job, model)
            words = earlier_choices(job, model).words if model.name != job.model else ""
            lost += f"; without {words}, which are of another model" if words else ""
        self.notify(f"{short_id(job.job_id)} again: change what you want; the seed is the same{lost}")

    def _write(self, text: str) -> None:
        """Replace the prompt, with the cursor at its end."""
        prompt = self.query_one("#prompt", TextArea)
        prompt.text = text
        prompt.move_cursor(prompt.document.end)
        prompt.focus()

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
        self.query_one(DraftForm).show_for(model)
        self._styles_of = model.name
        completed = JobSelection(statuses=("completed",), models=(model.name,))
        recent = replace(completed, span=TimeSpan(date_range="last_30_days"))
        past_jobs = partial(self.kinolog.client.jobs, limit=PAST_JOBS)
        self.request(f"newest {model.name}", partial(past_jobs, completed))
        self.request(f"longest {model.name}", partial(past_jobs, recent, sort="duration"))
        if self._to_fill is not None:
            self._fill_fields(self._to_fill)
        self._show_draft()

    @on(TextArea.Changed, "#prompt")
    def _remember_unsent(self, message: TextArea.Changed) -> None:
        self.kinolog.has_unsent_prompt = bool(message.text_area.text.strip())

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Select.Changed, "#priority,#style,#shots,#codec,#chained,#earlier")
    def _show_draft(self) -> None:
        model = self.model
        if model is None:
            return
        checked = check_draft(self.query_one(DraftForm).draft, model)
        times = self._times.get(model.name, RenderTimes())
        estimate = times.estimate(draft_size(checked))
        for name in (*NUMBER_FIELDS, "crf", "title", "variants"):
            self.query_one(f"#{name}", Input).set_class(name in checked.errors, "-wrong")
        self.query_one(DraftView).show(model, checked, planned_scenes(checked), estimate, times.jobs)

    @on(Button.Pressed, "#submit")
    def action_submit(self) -> None:
        """Submit the draft, unless it has errors."""
        model = self.model
        if model is None or self._sending or not self.kinolog.may_write():
            return
        checked = check_draft(self.query_one(DraftForm).draft, model)
        if checked.errors:
            field, words = next(iter(checked.errors.items()))
            self.notify(
                f"{FIELD_NAMES.get(field, field)} {words}", title="Not sent", severity="warning", markup=False
            )
            self.query_one(f"#{field}").focus()
            return
        self._sending, self._sent_text = True, self.query_one("#prompt", TextArea).text
        picture, client = self.query_one(PictureField).path, self.kinolog.client
        submit = partial(submit_with_picture, client, checked.request, picture, self._request_id)
        self.request("submit", submit)

    def action_leave(self) -> None:
        """Leave the field, so that the number keys go to pages."""
        self.set_focus(None)

    def action_recall(self, steps: int) -> None:
        """Show an earlier prompt, or return towards what was written."""
        text = self._history.step(steps, self.query_one("#prompt", TextArea).text)
        if text is None:
            self.notify("no earlier prompt" if steps > 0 else "no later prompt")
        else:
            self._write(text)

    def action_open_editor(self) -> None:
        """Edit the prompt in the person's own editor."""
        prompt = self.query_one("#prompt", TextArea)
        try:
            self._write(edited(self.app, prompt.text, self.kinolog.temporary_folder))
        except (EditorFailed, OSError) as error:
            self.notify(str(error), title="Not edited", severity="warning")

    def action_edit(self) -> None:
        """Focus the prompt."""
        self.query_one("#prompt", TextArea).focus()
