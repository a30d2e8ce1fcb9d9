"""Charts of block characters. They work over ssh, in tmux and without colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from rich.style import Style
from rich.text import Text
from textual.app import RenderResult
from textual.widgets import Static

from kinolog_tui.text.display_text import bar
from kinolog_tui.widgets.theme_styles import style

EIGHTHS = " ▁▂▃▄▅▆▇█"
ZOOM_SECONDS = 86_400


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
        self._bars: Sequence[Bar] = ()

    def show(self, bars: Sequence[Bar]) -> None:
        """Draw these bars."""
        if tuple(bars) != self._bars:
            taller, self._bars = len(bars) != len(self._bars), tuple(bars)
            self.refresh(layout=taller)

    def render(self) -> RenderResult:
        """Render one line per bar."""
        if not self._bars:
            return Text(self.EMPTY, style=style(self.app, "text-muted"))
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


@dataclass(frozen=True, slots=True)
class Series:
    """One number over time, in a colour of the theme."""

    name: str
    values: tuple[float, ...]
    colour: str


class Columns(Static):
    """Stacked columns over time, with the maximum and the first and last time below."""

    def __init__(self, title: str, name: str) -> None:
        super().__init__(id=name)
        self.border_title = title
        self._series: tuple[Series, ...] = ()
        self._times: tuple[datetime, ...] = ()

    def show(self, times: Sequence[datetime], series: Sequence[Series]) -> None:
        """Draw these series. Each has one value per time."""
        if (tuple(times), tuple(series)) != (self._times, self._series):
            self._times, self._series = tuple(times), tuple(series)
            self.refresh()

    def render(self) -> RenderResult:
        """Render the columns, and below them a line with times and names."""
        size = self.content_size
        muted = style(self.app, "text-muted")
        if not self._times or size.height < 2:
            return Text("nothing yet" if not self._times else "", style=muted)
        columns = _fitted(self._series, size.width)
        most = max((sum(column) for column in zip(*columns, strict=True)), default=0.0)
        styles = [style(self.app, series.colour) for series in self._series]
        text = Text(no_wrap=True, end="")
        height = size.height - 1
        for row in range(height, 0, -1):
            _draw_row(text, columns, styles, row, height, most or 1.0)
            text.append("\n")
        text.append_text(self._foot(size.width, most, muted))
        return text

    def _foot(self, width: int, most: float, muted: Style) -> Text:
        near = (self._times[-1] - self._times[0]).total_seconds() <= ZOOM_SECONDS * 2
        form = "%H:%M" if near else "%d %b"
        first, last = (time.astimezone().strftime(form) for time in (self._times[0], self._times[-1]))
        foot = Text(end="", no_wrap=True)
        foot.append(first + " ", style=muted)
        middle = Text(end="")
        for series in (one for one in self._series if any(one.values)):
            middle.append("■ ", style=style(self.app, series.colour))
            middle.append(f"{series.name} ", style=muted)
        middle.append(f"max {most:g}", style=muted)
        room = width - len(first) - len(last) - 2
        middle.truncate(max(0, room))
        middle.align("center", max(0, room))
        foot.append_text(middle)
        foot.append(" " + last, style=muted)
        return foot


def _fitted(series: Sequence[Series], width: int) -> list[list[float]]:
    """Return the values of each series, repeated or reduced to their maxima so that they fill `width` columns."""
    length = len(series[0].values) if series else 0
    if not length or not width:
        return [[] for _ in series]
    if length > width:
        edges = [index * length // width for index in range(width + 1)]
        return [[max(one.values[start:end], default=0.0) for start, end in pairwise(edges)] for one in series]
    each, left = divmod(width, length)
    widths = [each + (index < left) for index in range(length)]
    return [
        [value for value, times in zip(one.values, widths, strict=True) for _ in range(times)]
        for one in series
    ]


def _draw_row(
    text: Text, columns: list[list[float]], styles: list[Style], row: int, height: int, most: float
) -> None:
    """Append one line of a stacked chart. A cell shows the topmost of the series that end in it."""
    for stack in zip(*columns, strict=True):
        below = 0.0
        character, chosen = " ", Style.null()
        for value, colour in zip(stack, styles, strict=True):
            top = (below + value) * height / most
            if value > 0 and top > row - 1:
                filled = min(8, max(1, round((top - (row - 1)) * 8)))
                character, chosen = EIGHTHS[filled], colour
                if filled == 8:
                    break
            below += value
        text.append(character, style=chosen)
