"""A slider through the positions of the log."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import RenderResult
from textual.binding import BindingType
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.text.display_text import count
from kinolog_tui.widgets.theme_styles import style

PAGES = 100
"""The keys for pages move it by so many parts of the log."""


class LogSlider(Static, can_focus=True):
    """Left and right move by a commit. `PositionChosen` reports the position at once."""

    class PositionChosen(Message):
        """The slider is at this position of the log."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.left", "slide(-1)", "Back in time", key_display="←"),
        key_binding("audit.earlier", "slide(-1)", "Back in time", show=False),
        key_binding("everywhere.right", "slide(1)", "Later", key_display="→"),
        key_binding("audit.later", "slide(1)", "Later", show=False),
        key_binding("everywhere.page_up", "slide_page(-1)", "Page back", show=False),
        key_binding("everywhere.page_down", "slide_page(1)", "Page on", show=False),
        key_binding("everywhere.home", "slide_to(1)", "First", show=False),
        key_binding("everywhere.first", "slide_to(1)", "First", show=False),
        key_binding("everywhere.end", "slide_to(0)", "Last", show=False),
        key_binding("everywhere.last", "slide_to(0)", "Last", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="log-slider")
        self.position = 0
        self.last = 0

    def show(self, position: int, last: int) -> None:
        """Show a position of a log that ends at `last`."""
        self.position, self.last = position, last
        self.refresh()

    @property
    def _words(self) -> str:
        return f" {count(self.position)} of {count(self.last)} "

    @property
    def _cells(self) -> int:
        """How many cells the line has between its arrows."""
        return max(10, self.size.width - len(self._words) - 3)

    def render(self) -> RenderResult:
        """Render one line."""
        cells = self._cells
        knob = round((cells - 1) * (self.position - 1) / max(1, self.last - 1)) if self.last else 0
        text = Text(no_wrap=True)
        text.append("←", style=style(self.app, "text-muted"))
        text.append("━" * knob, style=style(self.app, "accent"))
        text.append("●", style=style(self.app, "accent", bold=self.has_focus))
        text.append("─" * (cells - 1 - knob) + "→", style=style(self.app, "text-muted"))
        text.append(self._words)
        return text

    def action_slide(self, commits: int) -> None:
        """Move by commits."""
        self._move(self.position + commits)

    def action_slide_page(self, pages: int) -> None:
        """Move by hundredths of the log."""
        self._move(self.position + pages * max(1, round(self.last / PAGES)))

    def action_slide_to(self, position: int) -> None:
        """Move to a position; 0 is the last one."""
        self._move(position or self.last)

    def on_click(self, event: Click) -> None:
        """Move to where it was clicked."""
        self._move(1 + round((event.x - 1) / (self._cells - 1) * (self.last - 1)))

    def _move(self, position: int) -> None:
        position = max(1, min(self.last, position))
        if self.last and position != self.position:
            self.position = position
            self.refresh()
            self.post_message(self.PositionChosen(position))
