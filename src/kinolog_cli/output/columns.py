"""Rows in columns whose last one takes the room that is left: cut on a terminal, whole in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
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
    heads = [Text(heading, style="bold") for heading in headings]
    _print_rows(console, [heads, *([_cell(value) for value in row] for row in rows)], fold=fold)


def print_details(console: Console, pairs: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, without those that have no value.

    A long value is wrapped on a terminal. In a pipe each value is one line.
    """
    rows = [
        [
            Text(name, style="dim"),
            Text(str(value)) if isinstance(value, str) and console.is_terminal else _cell(value),
        ]
        for name, value in pairs
        if value not in (None, "", [], {})
    ]
    _print_rows(console, rows, fold=True)


def _print_rows(console: Console, rows: Sequence[list[Text]], *, fold: bool) -> None:
    """Print rows whose columns but the last one are padded to a common width."""
    if not rows:
        return
    widths = [max(cell.cell_len for cell in column) for column in list(zip(*rows, strict=True))[:-1]]
    before = sum(widths) + len(GAP) * len(widths)
    room = max(NARROWEST_LAST, console.width - before)
    for *cells, last in rows:
        for cell, width in zip(cells, widths, strict=True):
            cell.pad_right(width - cell.cell_len)
        parts = [last] if not console.is_terminal else _fitted(console, last, room, fold)
        start = Text(GAP).join([*cells, Text("")])
        for number, part in enumerate(parts):
            line = (start if number == 0 else Text(" " * before)) + part
            line.rstrip()
            console.print(line, soft_wrap=True)


def _fitted(console: Console, text: Text, room: int, fold: bool) -> Sequence[Text]:
    if fold:
        return [*text.wrap(console, room)] or [text]
    text.truncate(room, overflow="ellipsis")
    return [text]


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return Text(one_line(value.plain), style=value.style)
    return Text(one_line(str(value)))
