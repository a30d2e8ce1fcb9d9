"""Rows in columns whose last one takes the room that is left: cut on a terminal, whole in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from rich.console import Console
from rich.text import Text

from kinolog.texts import one_line

GAP = "  "
ROWS_AT_ONCE = 1_000
"""Rows of a long answer whose columns have one width; those of later rows may be wider."""
NARROWEST_LAST = 8


def print_columns(
    console: Console, headings: Sequence[str], rows: Iterable[Sequence[str | Text]], *, fold: bool = False
) -> None:
    """Print rows below headings. No column but the last one loses a character; `fold` wraps it instead of cutting it.

    Output that is no terminal has one line per row, without padding at its end.
    """
    heads = [Text(heading, style="bold") for heading in headings]
    _print_rows(console, [heads, *([_cell(value) for value in row] for row in rows)], fold=fold)


def print_streamed_columns(
    console: Console, headings: Sequence[str], rows: Iterable[Sequence[str | Text]]
) -> bool:
    """Print rows below headings as they come, so that memory does not grow with them. Return whether there was one.

    A column becomes wider when later rows need it.
    """
    lines, widths = iter(rows), [0] * (len(headings) - 1)
    heads = [[Text(heading, style="bold") for heading in headings]]
    printed = False
    while some := [[_cell(value) for value in row] for row in islice(lines, ROWS_AT_ONCE)]:
        widths = _print_rows(console, [*heads, *some], fold=False, widths=widths)
        printed, heads = True, []
    return printed


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


def _print_rows(
    console: Console, rows: Sequence[list[Text]], *, fold: bool, widths: Sequence[int] = ()
) -> list[int]:
    """Print rows whose columns but the last one are padded, at least to `widths`. Return how wide they are."""
    if not rows:
        return list(widths)
    least = widths or [0] * (len(rows[0]) - 1)
    columns = list(zip(*rows, strict=True))[:-1]
    widths = [
        max(wide, *(cell.cell_len for cell in column)) for wide, column in zip(least, columns, strict=True)
    ]
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
    return widths


def _fitted(console: Console, text: Text, room: int, fold: bool) -> Sequence[Text]:
    if fold:
        return [*text.wrap(console, room)] or [text]
    text.truncate(room, overflow="ellipsis")
    return [text]


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return Text(one_line(value.plain), style=value.style)
    return Text(one_line(str(value)))
