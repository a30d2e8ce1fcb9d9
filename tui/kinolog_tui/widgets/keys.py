"""All keys as they are now, place by place, as Settings and the help show them."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from kinolog_tui.keys.bindings import KEY_GROUPS
from kinolog_tui.keys.keymap_app import key_label
from kinolog_tui.widgets.theme_styles import style


class KeyTable(Static):
    """Every key with what it does."""

    def on_mount(self) -> None:
        """Draw it."""
        self.border_title = "keys"
        self.redraw()

    def redraw(self) -> None:
        """Draw it anew: keys or colours are others."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, style=style(self.app, "accent", bold=True))
        table.add_column()
        for part in KEY_GROUPS:
            table.add_row(Text(part.name, style="bold underline"), "")
            for row in part.rows:
                keys = Text("  ".join(key_label(self.app, key.id) for key in row.keys))
                table.add_row(keys, row.words)
        self.update(table)
