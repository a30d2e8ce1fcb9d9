"""The numbers of the charts as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartValue:
    """A number of a chart, such as the `completed` jobs of a worker. `at` is the start of its time bucket, or empty."""

    chart: str
    at: str = ""
    name: str
    measure: str = ""
    value: str


HEADINGS = tuple(field.name for field in fields(ChartValue))


async def write_csv(file: Path, values: Iterable[ChartValue]) -> Path:
    """Write the values below the headings. Return the file. Raises `OSError`."""
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, HEADINGS)
        writer.writeheader()
        writer.writerows(asdict(value) for value in values)
    return file
