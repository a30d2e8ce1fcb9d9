"""The dialog that asks for the path of a file."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from kinolog_tui.keys.bindings import key_binding


class SaveDialog(ModalScreen[str | None]):
    """Asks for a path. Enter saves, escape cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.back", "dismiss(None)", "Close", show=False)
    ]

    def __init__(self, title: str, name: str) -> None:
        super().__init__()
        self._dialog_title, self._file_name = title, name

    def compose(self) -> ComposeResult:
        """One field."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._dialog_title
            yield Label("Path, from the folder the dashboard was started in; enter saves, esc leaves it.")
            yield Input(self._file_name)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Dismiss with the path."""
        self.dismiss(message.value.strip() or None)
