"""Stacked columns over time with axes. They work over ssh, in tmux and without colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.style import Style
from rich.text import Text
from textual.app import RenderResult
from textual.widgets import Static

from kinolog_tui.text.display_text import count
from kinolog_tui.widgets.charts.stacking import Merge, fit_columns, stack_cells
from kinolog_tui.widgets.theme_styles import style

FILLINGS = " ▁▂▃▄▅▆▇█"
DAYS_SECONDS = 2 * 86_400
"""A longer chart has dates below it, a shorter one times of day."""
LABEL_CELLS = 12
"""Cells between two labels of the time axis, at least."""
ROOM_FOR_AXIS = 5
"""Lines from which on there is a line for the time axis and a label in its middle."""


@dataclass(frozen=True, slots=True)
class Series:
    """One number over time, in a colour of the theme."""

    name: str
    values: tuple[float, ...]
    colour: str


class Columns(Static):
    """The numbers on the left, the times below, the names of the series in the frame."""

    def __init__(self, title: str, name: str, *, merge: Merge = "sum") -> None:
        super().__init__(id=name)
        self.border_title = title
        self._merge: Merge = merge
        self._series: tuple[Series, ...] = ()
        self._times: tuple[datetime, ...] = ()
        self._is_known = False

    def show(self, times: Sequence[datetime], series: Sequence[Series], note: str = "") -> None:
        """Draw these series, each with one value per time, and a note beside their names."""
        names = [f"[$text-{one.colour}]■[/] {one.name}" for one in series if any(one.values)]
        self.border_subtitle = " · ".join(filter(None, [" ".join(names), note]))
        if not self._is_known or (tuple(times), tuple(series)) != (self._times, self._series):
            self._is_known = True
            self._times, self._series = tuple(times), tuple(series)
            self.refresh()

    def render(self) -> RenderResult:
        """Render the columns between their axes."""
        size, muted = self.content_size, style(self.app, "text-muted")
        if not self._times or size.height < 2:
            words = "" if self._times else "nothing yet" if self._is_known else "…"
            return Text(words, style=muted)
        has_axis = size.height >= ROOM_FOR_AXIS
        height = size.height - (2 if has_axis else 1)
        columns, most, margin = self._fitted(size.width)
        cells = [stack_cells(values, most, height) for values in columns]
        styles = [style(self.app, one.colour) for one in self._series]
        text = Text(no_wrap=True, end="")
        for row in range(height - 1, -1, -1):
            label = count(round(most)) if row == height - 1 else ""
            label = _number(most / 2) if has_axis and row == height // 2 - 1 and height % 2 == 0 else label
            text.append(f"{label:>{margin - 1}}{'┤' if label else '│'}", style=muted)
            _draw_row(text, cells, styles, row)
            text.append("\n")
        starts = time_labels(self._times, len(columns))
        if has_axis:
            text.append(f"{'0':>{margin - 1}}└", style=muted)
            line = "".join("┬" if at in starts else "─" for at in range(len(columns)))
            text.append(line + "\n", style=muted)
        text.append(_labels(starts, len(columns), margin), style=muted)
        return text

    def _fitted(self, width: int) -> tuple[list[tuple[float, ...]], float, int]:
        """Return the columns, the number at the top of the axis, and the cells left of the columns."""
        series = [one.values for one in self._series]
        margin = 2
        columns: list[tuple[float, ...]] = []
        most = 1.0
        for _ in range(2):  # fewer columns may have larger sums, and these longer labels
            columns = fit_columns(series, width - margin, self._merge)
            most = max([1.0, *(sum(values) for values in columns)])
            margin = max(len(count(round(most))), len(_number(most / 2))) + 1
        return fit_columns(series, width - margin, self._merge), most, margin


def time_labels(times: Sequence[datetime], columns: int) -> dict[int, str]:
    """Return the column of each label below the time axis, with its text: the first column of a time or a date."""
    span = (times[-1] - times[0]).total_seconds()
    form = "%H:%M" if span <= DAYS_SECONDS else "%d %b"
    distance = columns // max(1, columns // LABEL_CELLS)
    starts: dict[int, str] = {}
    last, before = -distance, ""
    indices = [-index for index in range(len(times))]  # of buckets that share a column, the first is the peak
    for at, (index,) in enumerate(fit_columns([indices], columns, "peak")):
        label = times[-int(index)].astimezone().strftime(form)
        if label != before and at >= last + distance and at + len(label) <= columns:
            starts[at], last = label, at
        before = label
    return starts


def _number(value: float) -> str:
    """Return the number for the axis; nothing for a half of a few, since the axis counts jobs."""
    return count(round(value)) if value >= 10 or value == round(value) else ""


def _labels(starts: dict[int, str], columns: int, margin: int) -> str:
    line = ""
    for at, label in starts.items():
        line = line.ljust(margin + at) + label
    return line[: margin + columns]


def _draw_row(text: Text, cells: list[list[tuple[int, int]]], styles: list[Style], row: int) -> None:
    """Append one line of the columns, counted from the bottom. Neighbours of one look are one part."""
    for column in cells:
        if row < len(column):
            series, filled = column[row]
            text.append(FILLINGS[filled], style=styles[series])
        else:
            text.append(" ")
