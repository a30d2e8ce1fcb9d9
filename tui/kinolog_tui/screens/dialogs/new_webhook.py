"""The dialog that asks for a new webhook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kinolog.webhooks.events import ENDS, WebhookEvent
from kinolog_tui.screens.dialogs.form import FormDialog, names_in


@dataclass(frozen=True, slots=True)
class WebhookToMake:
    """What to call, and about what."""

    address: str
    events: tuple[str, ...]


class NewWebhookDialog(FormDialog[WebhookToMake]):
    """Asks for the address and the events of a new webhook."""

    def __init__(self) -> None:
        super().__init__(
            "New webhook",
            "https://… or mailto:…, and what it is told; enter makes it.",
            {"address": "", "events": " ".join(sorted(ENDS))},
        )

    def meaning(self, texts: Mapping[str, str]) -> WebhookToMake:
        """Return the webhook. Raises ValueError."""
        if not texts["address"]:
            raise ValueError("Name the address to call.")
        return WebhookToMake(texts["address"], names_in(texts["events"], WebhookEvent, "Events"))
