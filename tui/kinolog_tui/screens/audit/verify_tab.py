"""The check of a job's record, by the id of the job."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input

from kinolog.ids import is_job_id
from kinolog_client import ProofInfo
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.page_tab import PageTab
from kinolog_tui.session.keymap_app import fill_key_names
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.text import clock
from kinolog_tui.widgets.job.proof import ProofPanel


class RecordField(Input):
    """The id of a job. Enter verifies its record, `esc` goes on to the result."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.open", "submit", "Verify"),
        key_binding("everywhere.back", "screen.leave_field", "Leave field"),
    ]


class _FieldProof(ProofPanel):
    """The result below a field: it stays, and the field checks again."""

    def _draw_key_names(self) -> None:
        self.border_subtitle = ""


class VerifyTab(PageTab):
    """The field over the result."""

    def __init__(self) -> None:
        super().__init__("Verify", id="verify")
        self._proof = _FieldProof()

    def compose(self) -> ComposeResult:
        """The field, the result."""
        yield RecordField(placeholder="the id of a job: 26 letters and digits", id="job", compact=True)
        yield self._proof

    def show_open(self) -> None:
        """Give the keys to the field."""
        self.query_one("#job").focus()

    def leave_field(self) -> None:
        """Give the keys to the result."""
        if self._proof.display:
            self._proof.focus()
        else:
            self.screen.set_focus(None)

    def redraw(self) -> None:
        """Draw in the colours of the theme."""
        self._proof.redraw()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Have the server verify the record."""
        message.stop()
        job_id = message.value.strip().lower()
        self._proof.display = True
        if not is_job_id(job_id):
            self._proof.show_message("An id of a job has 26 lower-case letters and digits.")
            return
        self._proof.show_message("checking the record and every file …")
        self.request("proof", partial(self.kinolog.client.verify, job_id))

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show the result."""
        if isinstance(message.value, ProofInfo):
            self._proof.show(message.value, clock.now())

    def on_request_failed(self, message: RequestFailed) -> None:
        """Show why there is none in its place."""
        message.prevent_default()
        failure = message.failure
        self._proof.show_message(f"Not checked: {failure.text} {fill_key_names(self.app, failure.next_step)}")
