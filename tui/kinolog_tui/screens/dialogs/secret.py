"""The dialog that shows a secret and copies it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Label

from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.dialog import Dialog


class SecretDialog(Dialog[None]):
    """Shows a secret under a title, with words about it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("dialogs.copy", "copy", "Copy"),
        key_binding("everywhere.back", "dismiss(None)", "Close"),
    ]

    def __init__(self, title: str, secret: str, words: str) -> None:
        super().__init__()
        self._dialog_title, self._secret, self._words = title, secret, words

    def body(self) -> ComposeResult:
        """The secret, and what it is."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._dialog_title)
            yield Label(Content(self._secret), classes="words")
            yield Label(Content(self._words), classes="words")

    def action_copy(self) -> None:
        """Copy the secret to the clipboard of the terminal."""
        self.app.copy_to_clipboard(self._secret)
        self.notify("it is in the clipboard", title="Copied")
