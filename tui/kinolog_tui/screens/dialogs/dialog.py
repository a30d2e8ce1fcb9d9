"""The base of all dialogs: their parts over the line with their keys."""

from __future__ import annotations

from typing import TypeVar

from textual.app import ComposeResult
from textual.screen import ModalScreen

from kinolog_tui.widgets.key_line import KeyLine

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A dialog over a page. The bottom line has its keys alone: those of the page do nothing meanwhile."""

    def compose(self) -> ComposeResult:
        """The body, and the keys where the page has its own."""
        yield from self.body()
        yield KeyLine()

    def body(self) -> ComposeResult:
        """The dialog's own widgets."""
        raise NotImplementedError
