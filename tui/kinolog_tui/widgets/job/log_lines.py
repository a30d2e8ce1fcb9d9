"""The log lines of a job: the last ones or all, filtered by a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.table import Column, Table
from rich.text import Text
from textual.binding import BindingType
from textual.events import Resize
from textual.widgets import RichLog

from kinolog_client import LogLineInfo
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.text.display_text import time_of_day
from kinolog_tui.widgets.scroll_area import scroll_bindings
from kinolog_tui.widgets.theme_styles import style

LAST_LINES = 20
TIME_CELLS, LEVEL_CELLS = 9, 8
LEVEL_COLOURS = {"debug": "text-muted", "info": "foreground", "warning": "warning", "error": "error"}


class LogLines(RichLog):
    """Log lines in the order of their sequence. A line that arrives twice is shown once."""

    BINDINGS: ClassVar[list[BindingType]] = [*scroll_bindings()]

    def __init__(self) -> None:
        super().__init__(wrap=True, auto_scroll=True, min_width=40)
        self._lines: dict[int, LogLineInfo] = {}
        self._text = ""
        self.expanded = False
        self._no_lines = ""
        self._wrapped_at = 0

    @property
    def last(self) -> int:
        """Sequence of the last line; 0 before the first."""
        return max(self._lines, default=0)

    def add(self, lines: Iterable[LogLineInfo]) -> None:
        """Add lines. Known lines change nothing."""
        fresh = [line for line in lines if line.sequence not in self._lines]
        in_order = all(line.sequence > self.last for line in fresh)
        self._lines |= {line.sequence: line for line in fresh}
        if not fresh:
            return
        if in_order and self.expanded:
            for line in fresh:
                self._write(line)
        else:
            self.redraw()

    def explain_empty(self, words: str) -> None:
        """Show these words while there are no lines."""
        if words != self._no_lines:
            self._no_lines = words
            if not self._lines:
                self.redraw()

    def set_filter(self, text: str) -> None:
        """Show only lines that contain this text, ignoring case."""
        self._text = text.lower()
        self.redraw()

    def show_all(self, expanded: bool) -> None:
        """Show all lines, or the last twenty."""
        self.expanded = expanded
        self.redraw()

    def on_resize(self, event: Resize) -> None:
        """Wrap the lines for the new width."""
        if self.size.width not in (0, self._wrapped_at):
            self._wrapped_at = self.size.width
            self.redraw()

    def redraw(self) -> None:
        """Write all visible lines again."""
        found = [
            self._lines[sequence] for sequence in sorted(self._lines) if self._matches(self._lines[sequence])
        ]
        shown = found if self.expanded else found[-LAST_LINES:]
        self.clear()
        if not shown:
            words = "No line has this text." if self._lines else self._no_lines
            self.write(Text(words, style=style(self.app, "text-muted")))
        for line in shown:
            self._write(line)
        more = (
            ""
            if self.expanded or len(found) == len(shown)
            else f"last {len(shown)} of {len(found)}, {key_label(self.app, 'job.all_lines')} for all"
        )
        self.border_subtitle = more

    def _matches(self, line: LogLineInfo) -> bool:
        return self._text in line.message.lower() or self._text in line.level

    def _write(self, line: LogLineInfo) -> None:
        if not self._matches(line):
            return
        row = Table.grid(Column(width=TIME_CELLS), Column(width=LEVEL_CELLS), Column(overflow="fold"))
        colour = style(self.app, LEVEL_COLOURS.get(line.level, "foreground"))
        time = Text(time_of_day(line.at), style=style(self.app, "text-muted"))
        row.add_row(time, Text(line.level, style=colour), Text(line.message))
        self.write(
            row, width=self.scrollable_content_region.width or None
        )  # else at most that of the console
