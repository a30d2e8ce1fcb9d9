"""The result of a verification: every check with its finding, and the time."""

from __future__ import annotations

from datetime import datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from kinolog_client import ProofInfo
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.text.display_text import time_of_day
from kinolog_tui.widgets.scroll_area import ScrollArea
from kinolog_tui.widgets.theme_styles import style


class ProofPanel(ScrollArea):
    """Hidden until a verification starts. A result that arrives after it was closed does not open it."""

    def __init__(self) -> None:
        super().__init__(id="proof")
        self._proof: ProofInfo | None = None
        self._at: datetime | None = None

    def compose(self) -> ComposeResult:
        """The results."""
        yield Static(id="checks")

    def on_mount(self) -> None:
        """Set the title."""
        self.display = False
        self.border_title = "the record"

    def show_message(self, words: str) -> None:
        """Show a text in place of a result."""
        self._proof = None
        self._draw_key_names()
        self.query_one("#checks", Static).update(Text(words))

    def _draw_key_names(self) -> None:
        self.border_subtitle = f"{key_label(self.app, 'history.verify')} checks again · esc closes"

    def show(self, proof: ProofInfo, at: datetime) -> None:
        """Show the result of each check, and the time."""
        self._proof, self._at = proof, at
        self._draw_key_names()
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, style=style(self.app, "text-muted"))
        table.add_column(overflow="fold")
        for check in proof.checks:
            colour = style(self.app, "success" if check.holds else "error", bold=True)
            table.add_row(
                Text("✔" if check.holds else "✖", style=colour),
                check.name,
                Text(check.detail, style="" if check.holds else style(self.app, "error")),
            )
        self.query_one("#checks", Static).update(Group(self._verdict(proof), table))
        self.scroll_home(animate=False)

    def redraw(self) -> None:
        """Draw in the colours of the theme."""
        if self._proof is not None and self._at is not None:
            self.show(self._proof, self._at)

    def _verdict(self, proof: ProofInfo) -> Text:
        text = Text()
        if proof.valid:
            text.append("complete and untouched", style=style(self.app, "success", bold=True))
        else:
            broken = ", ".join(check.name for check in proof.checks if not check.holds)
            text.append(f"does not hold: {broken}", style=style(self.app, "error", bold=True))
        text.append(f", checked at {time_of_day(self._at)}", style=style(self.app, "text-muted"))
        return text
