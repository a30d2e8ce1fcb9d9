"""The check of a job's record, by the id of the job, and for operators the comparison of everything."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Select

from kinolog.ids import is_job_id
from kinolog_client import CallerInfo, ProofInfo, VerificationInfo, VerificationListInfo
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.confirm import ConfirmDialog
from kinolog_tui.screens.page_tab import PageTab
from kinolog_tui.session.keymap_app import fill_key_names
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.text import clock
from kinolog_tui.widgets.audit.comparison_panel import RUNNING, ComparisonPanel
from kinolog_tui.widgets.job.proof import ProofPanel
from kinolog_tui.widgets.scroll_area import ScrollArea

POLL_SECONDS = 1.0
"""How often the progress of a comparison is requested. No live update tells of it."""
FILES = (("not compared", "none"), ("by their sizes", "sizes"), ("read and hashed", "hashes"))


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
    """The field over the result, and below them the last comparison of everything."""

    def __init__(self) -> None:
        super().__init__("Verify", id="verify")
        self._proof = _FieldProof()
        self.may_compare = False
        """Whether everything can be compared with this key, by this dashboard."""
        self._last: VerificationInfo | None = None

    def compose(self) -> ComposeResult:
        """The field, the result, the comparison."""
        yield RecordField(placeholder="the id of a job: 26 letters and digits", id="job", compact=True)
        yield self._proof
        with Vertical(id="comparison"):
            with Horizontal(classes="line"):
                yield Label("files")
                yield Select(FILES, value="sizes", allow_blank=False, id="compared-files", compact=True)
            yield ScrollArea(ComparisonPanel())

    def on_mount(self) -> None:
        """Hide the comparison until it is known that the key may see it."""
        self.query_one("#comparison").display = False
        self.set_interval(POLL_SECONDS, self._load_progress)

    def show_caller(self, caller: CallerInfo) -> None:
        """Offer the comparison to operators."""
        is_operator = caller.every_tenant and "audit" in caller.scopes
        self.may_compare = is_operator and not self.kinolog.read_only
        is_new = is_operator and not self.query_one("#comparison").display
        self.query_one("#comparison").display = is_operator
        if is_new and self.is_open:
            self.load()

    def load(self) -> None:
        """Request the last comparison."""
        if self.query_one("#comparison").display:
            self.request("comparison", partial(self.kinolog.client.verifications, limit=1))

    def _load_progress(self) -> None:
        is_running = self._last is not None and self._last.state == RUNNING
        if is_running and self.is_open and self.screen.is_current and not self.requesting("comparison"):
            self.load()

    def compare(self) -> None:
        """Start a comparison, or stop the one that goes on, after a confirmation."""
        if not self.may_compare:
            return
        client, last = self.kinolog.client, self._last
        if last is None or last.state != RUNNING:
            files = str(self.query_one("#compared-files", Select).value)
            self.request("compare", partial(client.start_verification, files=files))
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.request("compare", partial(client.cancel_verification, last.verification_id))

        words = "What it has compared so far is not kept."
        self.app.push_screen(ConfirmDialog("Stop the comparison of everything?", words, "Stop"), answered)

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
        self.query_one(ComparisonPanel).redraw()

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
        match message.value:
            case ProofInfo() as proof:
                self._proof.show(proof, clock.now())
            case VerificationListInfo(verifications=made):
                self._show_last(made[0] if made else None)
            case VerificationInfo() as made:
                self._show_last(made)

    def _show_last(self, made: VerificationInfo | None) -> None:
        self._last = made
        self.query_one(ComparisonPanel).show(made)

    def on_request_failed(self, message: RequestFailed) -> None:
        """Show why there is none in its place. Those of comparisons become messages."""
        if message.key != "proof":
            return
        message.prevent_default()
        failure = message.failure
        self._proof.show_message(f"Not checked: {failure.text} {fill_key_names(self.app, failure.next_step)}")
