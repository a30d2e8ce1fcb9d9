"""A field for the text of a search, with its two keys on the bottom line."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Input

from kinolog_tui.keys.bindings import key_binding


class SearchField(Input):
    """Enter keeps the search. `esc` leaves it, and the owner takes the text back."""

    class Left(Message):
        """The person left the search without keeping it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.open", "submit", "Keep"),
        key_binding("everywhere.back", "leave", "Take back"),
    ]

    def action_leave(self) -> None:
        """Report it to the owner."""
        self.post_message(self.Left())
