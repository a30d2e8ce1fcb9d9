"""The dialog that asks for the path of a file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label

from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.dialog import Dialog


class SaveDialog(Dialog[str | None]):
    """Asks for a path. Enter saves, escape cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [key_binding("everywhere.back", "dismiss(None)", "Close")]

    def __init__(self, title: str, name: str) -> None:
        super().__init__()
        self._dialog_title, self._file_name = title, name

    def body(self) -> ComposeResult:
        """One field."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._dialog_title
            yield Label(
                "Path, from the folder the dashboard was started in; enter saves, esc leaves it.",
                classes="words",
            )
            yield Input(self._file_name)
            yield Label("", id="wrong", classes="words")

    def on_mount(self) -> None:
        """Show the hint only when there is one."""
        self._confirmed: Path | None = None
        self.query_one("#wrong").display = False

    def on_input_changed(self) -> None:
        """Another path needs its own confirmation."""
        self._confirmed = None
        self.query_one("#wrong").display = False

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Dismiss with the path; in a folder, with the file's own name. A second enter replaces an existing file."""
        typed = message.value.strip()
        path = Path(typed).expanduser()
        if typed and path.is_dir():
            path = path / Path(self._file_name).name
        if typed and path.exists() and path != self._confirmed:
            self._confirmed = path
            hint = self.query_one("#wrong", Label)
            hint.update(Content(f"{path.name} exists already; enter again replaces it."))
            hint.display = True
            return
        self.dismiss(str(path) if typed else None)
