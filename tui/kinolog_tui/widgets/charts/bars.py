"""Horizontal bars. They work over ssh, in tmux and without colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.app import RenderResult
from textual.widgets import Static

from kinolog_tui.text.display_text import bar
from kinolog_tui.widgets.theme_styles import style


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A row of a bar chart: `value` of at most `maximum`, with the text `text`, in a colour of the theme."""

    label: str
    value: float
    maximum: float
    text: str
    colour: str = "primary"


class Bars(Static):
    """Horizontal bars with a label on the left and a number on the right."""

    EMPTY = "nothing yet"

    def __init__(self, title: str, name: str) -> None:
        super().__init__(id=name)
        self.border_title = title
        self._bars: tuple[Bar, ...] | None = None

    def show(self, bars: Sequence[Bar]) -> None:
        """Draw these bars."""
        if tuple(bars) != self._bars:
            taller, self._bars = len(bars) != len(self._bars or ()), tuple(bars)
            self.refresh(layout=taller)

    def render(self) -> RenderResult:
        """Render one line per bar."""
        if not self._bars:
            return Text("…" if self._bars is None else self.EMPTY, style=style(self.app, "text-muted"))
        left = max(len(bar.label) for bar in self._bars)
        right = max(len(bar.text) for bar in self._bars)
        width = max(4, self.content_size.width - left - right - 2)
        text = Text(no_wrap=True, end="")
        for index, row in enumerate(self._bars):
            percent = 100 * row.value / row.maximum if row.maximum else 0.0
            text.append("\n" if index else "")
            text.append(row.label.ljust(left) + " ")
            text.append(bar(percent, width), style=style(self.app, row.colour))
            text.append(" " + row.text.rjust(right))
        return text
