"""The table of all current keys, by group, in Settings and in the help."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from kinolog_tui.keys.bindings import KEY_GROUPS
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.widgets.theme_styles import style


class KeyTable(Static):
    """Every key with its description."""

    def on_mount(self) -> None:
        """Draw the table, and again in the colours of another theme."""
        self.border_title = "keys"
        self.app.theme_changed_signal.subscribe(self, lambda _: self.redraw())
        self.redraw()

    def redraw(self) -> None:
        """Draw again: keys or colours changed."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, style=style(self.app, "accent", bold=True))
        table.add_column()
        for part in KEY_GROUPS:
            table.add_row(Text(part.name, style="bold underline"), "")
            for row in part.rows:
                keys = Text("  ".join(key_label(self.app, key.id) for key in row.keys))
                table.add_row(keys, row.description)
        self.update(table)
