"""Rows in columns whose last one takes the room that is left: cut on a terminal, whole in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kinolog.texts import one_line

GAP = "  "
NARROWEST_LAST = 8


def print_columns(
    console: Console, headings: Sequence[str], rows: Iterable[Sequence[str | Text]], *, fold: bool = False
) -> None:
    """Print rows below headings. No column but the last one loses a character; `fold` wraps it instead of cutting it.

    Output that is no terminal has one line per row, without padding at its end.
    """
    lines = [[_cell(value) for value in row] for row in rows]
    heads = [Text(heading, style="bold") for heading in headings]
    widths = [max(row[index].cell_len for row in [heads, *lines]) for index in range(len(headings) - 1)]
    before = sum(widths) + len(GAP) * len(widths)
    room = max(NARROWEST_LAST, console.width - before)
    for row in [heads, *lines]:
        *cells, last = row
        for cell, width in zip(cells, widths, strict=True):
            cell.pad_right(width - cell.cell_len)
        parts = [last] if not console.is_terminal else _fitted(console, last, room, fold)
        start = Text(GAP).join([*cells, Text("")])
        console.print(start + parts[0], soft_wrap=True)
        for part in parts[1:]:
            console.print(Text(" " * before) + part, soft_wrap=True)


def _fitted(console: Console, text: Text, room: int, fold: bool) -> Sequence[Text]:
    if fold:
        return [*text.wrap(console, room)] or [text]
    text.truncate(room, overflow="ellipsis")
    return [text]


def _cell(value: str | Text) -> Text:
    if isinstance(value, Text):
        return Text(one_line(value.plain), style=value.style)
    return Text(one_line(value))


def detail_table(pairs: Iterable[tuple[str, Any]]) -> Table:
    """Return names and values, without those that have no value."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", [], {}):
            table.add_row(name, value if isinstance(value, Text) else Text(str(value)))
    return table
