"""The dialog that asks for a new webhook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Label

from kinolog.webhooks.events import ENDS, WebhookEvent
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.dialog import Dialog


@dataclass(frozen=True, slots=True)
class WebhookToMake:
    """What to call, and about what."""

    address: str
    events: tuple[str, ...]


class NewWebhookDialog(Dialog[WebhookToMake | None]):
    """Asks for the address and the events of a new webhook. Enter makes it, escape leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.back", "dismiss(None)", "Close"),
        key_binding("everywhere.next", "app.focus_next", "Next field"),
    ]

    def body(self) -> ComposeResult:
        """Two fields."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "New webhook"
            yield Label("https://… or mailto:…, and what it is told; enter makes it.", classes="words")
            with Horizontal(classes="line"):
                yield Label("address")
                yield Input(id="address", compact=True)
            with Horizontal(classes="line"):
                yield Label("events")
                yield Input(" ".join(sorted(ENDS)), id="events", compact=True)
            yield Label("", id="wrong", classes="words")

    def on_input_submitted(self) -> None:
        """Dismiss with the fields, or say what is wrong with them."""
        address = self.query_one("#address", Input).value.strip()
        events = tuple(self.query_one("#events", Input).value.replace(",", " ").split())
        if not address:
            self._show_wrong("Name the address to call.")
        elif not events or any(event not in list(WebhookEvent) for event in events):
            self._show_wrong(f"Events are {', '.join(WebhookEvent)}.")
        else:
            self.dismiss(WebhookToMake(address, tuple(dict.fromkeys(events))))

    def _show_wrong(self, words: str) -> None:
        self.query_one("#wrong", Label).update(Content(words))
