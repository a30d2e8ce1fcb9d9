"""What a projection computed: printed, or saved in the format that the name of the file says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console

from kinolog_cli.context import CliContext
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.columns import print_columns
from kinolog_cli.output.places import checked_place, writes_standard_output, writing
from kinolog_client.partial_file import partial_file

Rows: TypeAlias = list[Mapping[str, Any]]


def computed(result: Any, where: str) -> Rows | str | bytes:
    """Return the result of a projection, rows as a list. Raises `CommandFailed` for what is none."""
    if isinstance(result, str | bytes):
        return result
    if isinstance(result, Iterable) and not isinstance(result, Mapping):
        rows = list(result)
        if all(isinstance(row, Mapping) for row in rows):
            return rows
    text = f"{where}: result() must return rows (mappings), a text or bytes, not {type(result).__name__}"
    raise CommandFailed(ExitCode.FAILED, text)


def headings_of(rows: Rows) -> list[str]:
    """Return the names of the columns in the order in which rows have them."""
    return [str(name) for name in dict.fromkeys(name for row in rows for name in row)]


def csv_text(rows: Rows) -> str:
    """Return rows as CSV with a line of headings."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    headings = headings_of(rows)
    writer.writerow(headings)
    writer.writerows([_plain(row.get(name)) for name in headings] for row in rows)
    return text.getvalue()


def print_result(context: CliContext, result: Rows | str | bytes) -> None:
    """Print a result. Raises `CommandFailed` for bytes, which need a file."""
    if isinstance(result, bytes):
        raise CommandFailed(ExitCode.USAGE, "result() returned bytes; save them with --output FILE")
    if isinstance(result, str):
        if context.as_json:
            context.print_json({"result": result})
        else:
            context.out.print(result.rstrip("\n"), markup=False, soft_wrap=True, highlight=False)
    elif context.as_json:
        for row in result:
            context.print_json({str(name): _json(value) for name, value in row.items()})
    elif result:
        _print_table(context.out, result)
    else:
        context.print_note("no rows")


def save_result(context: CliContext, result: Rows | str | bytes, output: Path) -> None:
    """Save a result: rows of .csv, .json and .jsonl in that format, and else as a table. Raises `CommandFailed`."""
    place = checked_place(output)
    content = result if isinstance(result, bytes) else _text_for(result, output).encode(errors="replace")
    with writing(place), partial_file(place) as file:
        file.write(content)
    if writes_standard_output(place):
        return
    if context.as_json:
        context.print_json({"saved": str(place)})
    else:
        context.out.print(f"saved as {place}", markup=False, soft_wrap=True)


def _text_for(result: Rows | str, output: Path) -> str:
    if isinstance(result, str):
        return result if result.endswith("\n") else result + "\n"
    match output.suffix.lower():
        case ".csv":
            return csv_text(result)
        case ".jsonl" | ".ndjson":
            return "".join(_dumped(row) + "\n" for row in result)
        case ".json":
            return "[" + ",\n ".join(map(_dumped, result)) + "]\n"
        case _:
            text = io.StringIO()
            _print_table(Console(file=text, force_terminal=False), result)
            return text.getvalue()


def _print_table(console: Console, rows: Rows) -> None:
    headings = headings_of(rows)
    print_columns(console, headings, [[_shown(row.get(name)) for name in headings] for row in rows])


def _dumped(row: Mapping[str, Any]) -> str:
    return json.dumps({str(name): _json(value) for name, value in row.items()}, ensure_ascii=False)


def _json(value: Any) -> Any:
    """Return a value as one of JSON: others as texts, and null for a number that is none."""
    if isinstance(value, Mapping):
        return {str(name): _json(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(each) for each in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(_plain(value))


def _plain(value: Any) -> Any:
    """Return a value as a cell of CSV."""
    return value.isoformat() if isinstance(value, datetime) else "" if value is None else value


def _shown(value: Any) -> str:
    """Return a value as a cell of a table: numbers with six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(_plain(value))
