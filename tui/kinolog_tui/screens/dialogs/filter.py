"""The dialog that chooses which jobs the list shows."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Label, Select, Static

from kinolog_client import PRIORITIES, STATUSES
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.dialog import Dialog
from kinolog_tui.session.job_list_filter import RANGES, JobListFilter
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.text.display_text import SPAN_WORDS, SYMBOLS
from kinolog_tui.text.local_days import EXAMPLE, date_errors
from kinolog_tui.widgets.check_list import CheckList


class FilterDialog(Dialog[JobListFilter | None]):
    """Edits a filter of the job list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.back", "dismiss(None)", "Close"),
        key_binding("dialogs.apply", "apply", "Apply", priority=True),
    ]

    def __init__(self, job_filter: JobListFilter) -> None:
        super().__init__()
        self._job_filter = job_filter

    def body(self) -> ComposeResult:
        """Statuses and priorities beside each other, then span, days, model and text."""
        job_filter = self._job_filter
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Filter"
            tick, applies = key_label(self.app, "dialogs.tick"), key_label(self.app, "dialogs.apply")
            dialog.border_subtitle = f"{tick} ticks · tab goes on · {applies} applies"
            with Horizontal(classes="lists"):
                yield CheckList(STATUSES, job_filter.statuses, "statuses", SYMBOLS)
                yield CheckList(PRIORITIES, job_filter.priorities, "priorities")
            spans = [(SPAN_WORDS[word], word) for word in RANGES]
            with Horizontal(classes="line"):
                yield Label("when")
                yield Select(spans, value=job_filter.date_range, allow_blank=False, id="span", compact=True)
            with Horizontal(classes="line"):
                yield Label("or from")
                yield Input(job_filter.since, placeholder=EXAMPLE, id="from", compact=True)
            with Horizontal(classes="line"):
                yield Label("to")
                yield Input(job_filter.until, placeholder="as above; that day too", id="to", compact=True)
            with Horizontal(classes="line"):
                yield Label("model")
                yield Input(job_filter.model, placeholder="any", id="model", compact=True)
            with Horizontal(classes="line"):
                yield Label("text")
                yield Input(job_filter.text, placeholder="in the prompt or the id", id="text", compact=True)
            yield Static(id="wrong")
            with Horizontal(classes="buttons"):
                yield Button("Apply", variant="primary", id="apply", compact=True)
                yield Button("All jobs", id="all", compact=True)

    def on_button_pressed(self, message: Button.Pressed) -> None:
        """Apply the form, or remove the filter."""
        if message.button.id == "all":
            self.dismiss(JobListFilter())
        else:
            self.action_apply()

    def on_input_submitted(self) -> None:
        """Apply the form."""
        self.action_apply()

    @on(Input.Changed, "#from,#to")
    def _check(self) -> bool:
        """Show errors in the dates. Return False if there are any. Dates replace the date range."""
        since, until = self._typed("from"), self._typed("to")
        errors = date_errors(since, until)
        for name in ("from", "to"):
            self.query_one(f"#{name}", Input).set_class(name in errors, "-wrong")
        self.query_one("#wrong", Static).update(
            "\n".join(f"✖ {name} {words}" for name, words in errors.items())
        )
        self.query_one("#span", Select).disabled = bool(since or until)
        return not errors

    def _typed(self, name: str) -> str:
        return " ".join(self.query_one(f"#{name}", Input).value.split())

    def action_apply(self) -> None:
        """Dismiss with the filter, unless a date is invalid."""
        if not self._check():
            self.query_one("Input.-wrong").focus()
            return
        since, until = self._typed("from"), self._typed("to")
        span = "all_time" if since or until else str(self.query_one("#span", Select).value)
        self.dismiss(
            replace(
                self._job_filter,
                statuses=self.query_one("#statuses", CheckList).chosen,
                priorities=self.query_one("#priorities", CheckList).chosen,
                date_range=span,
                since=since,
                until=until,
                model=self._typed("model"),
                text=self.query_one("#text", Input).value.strip(),
            )
        )
