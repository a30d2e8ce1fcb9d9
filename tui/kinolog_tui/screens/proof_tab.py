"""The proof of a job's record, asked for on its page."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.binding import BindingType
from textual.widgets import TabbedContent

from kinolog_client.proofs import ProofInfo, prove
from kinolog_client.rest import GatewayFailure
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.keys.keymap_app import fill_key_names, key_label
from kinolog_tui.screens.page import Page
from kinolog_tui.text import clock
from kinolog_tui.widgets.job.proof import ProofPanel


class ProofTab(Page):
    """What the page of a job does about the proof of its record."""

    BINDINGS: ClassVar[list[BindingType]] = [key_binding("job.verify", "verify", "Verify", show=False)]
    job_id: str

    def action_verify(self) -> None:
        """Have the record checked, and show in the history what was found."""
        self.query_one(TabbedContent).active = "history"
        view = self.query_one(ProofPanel)
        view.display = True
        view.show_message("checking the record and every file …")
        self.request("proof", partial(prove, self.kinolog.rest, self.job_id))

    def proved(self, proof: ProofInfo) -> None:
        """It was checked, now."""
        self.query_one(ProofPanel).show(proof, clock.now())

    def not_proved(self, trouble: GatewayFailure) -> None:
        """It was not checked: say why, and what to do."""
        if trouble.status == 404 and trouble.reason != "JOB_NOT_FOUND":
            again = key_label(self.app, "job.verify")
            words = (
                f"{self.kinolog.rest.url} is too old to check records. Upgrade it, then press {again} again."
            )
        else:
            words = f"Not checked: {trouble.words} {fill_key_names(self.app, trouble.next_step)}"
        self.query_one(ProofPanel).show_message(words)

    def close_proof(self) -> bool:
        """Take the proof away; False when there was none to see."""
        view = self.query_one(ProofPanel)
        seen = view.display and self.query_one(TabbedContent).active == "history"
        if seen:
            view.display = False
            self.query_one("#commits").focus()
        return bool(seen)
