"""The base of dialogs that ask for a few texts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Label

from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.dialog import Dialog

T = TypeVar("T")


class FormDialog(Dialog[T]):
    """Asks for a few texts. Enter dismisses with what they mean, escape with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.back", "dismiss(None)", "Close"),
        key_binding("everywhere.next", "app.focus_next", "Next field"),
    ]

    def __init__(self, title: str, words: str, texts: Mapping[str, str]) -> None:
        """`texts` holds what is in each field at first, by the name of the field."""
        super().__init__()
        self._dialog_title, self._words, self._texts = title, words, texts

    def body(self) -> ComposeResult:
        """A line for each field, and one for what is wrong with them."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._dialog_title
            yield Label(self._words, classes="words")
            for name, text in self._texts.items():
                with Horizontal(classes="line"):
                    yield Label(name)
                    yield Input(text, id=name, compact=True)
            yield Label("", id="wrong", classes="words")

    def on_input_submitted(self) -> None:
        """Dismiss with what the texts mean, or say what is wrong with them."""
        try:
            meant = self.meaning(
                {name: self.query_one(f"#{name}", Input).value.strip() for name in self._texts}
            )
        except ValueError as error:
            self.query_one("#wrong", Label).update(Content(str(error)))
        else:
            self.dismiss(meant)

    def meaning(self, texts: Mapping[str, str]) -> T:
        """Return what the texts mean. Raises ValueError."""
        raise NotImplementedError


def names_in(text: str, known: type[StrEnum], kind: str) -> tuple[str, ...]:
    """Return the names in a text, each once. Raises ValueError if there is none or one that is not known."""
    names = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if not names or not {*names} <= {*known}:
        raise ValueError(f"{kind} are {', '.join(known)}.")
    return names
