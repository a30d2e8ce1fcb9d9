"""The help dialog."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.dialog import Dialog
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.widgets.key_table import KeyTable
from kinolog_tui.widgets.scroll_area import ScrollArea


class HelpDialog(Dialog[None]):
    """Shows every key over the page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.back", "dismiss", "Close"),
        key_binding("everywhere.help", "dismiss", "Close", show=False),
        key_binding("everywhere.quit", "dismiss", "Close", show=False),
        key_binding("everywhere.open", "dismiss", "Close", show=False),
    ]

    def body(self) -> ComposeResult:
        """The table, which scrolls where it does not fit."""
        with ScrollArea(classes="dialog help") as dialog:
            dialog.border_title = "Keys"
            down, up = key_label(self.app, "everywhere.down"), key_label(self.app, "everywhere.up")
            dialog.border_subtitle = f"{down} {up} scroll · esc closes"
            yield KeyTable()
