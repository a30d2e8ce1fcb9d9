"""The numbers of the charts as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

HEADINGS = ("chart", "at", "name", "measure", "value")


async def write_csv(file: Path, rows: Sequence[tuple[str, str, str, str, str]]) -> Path:
    """Write the rows below the headings. Return the file. Raises `OSError`."""
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(HEADINGS)
        writer.writerows(rows)
    return file
