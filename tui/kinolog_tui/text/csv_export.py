"""The numbers of the charts as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from kinolog_client.rest import GatewayFailure

HEADINGS = ("chart", "at", "name", "measure", "value")


async def write_csv(file: Path, rows: Sequence[tuple[str, str, str, str, str]]) -> Path:
    """Write the rows below their headings; the file. Raises Trouble."""
    try:
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(HEADINGS)
            writer.writerows(rows)
    except OSError as error:
        raise GatewayFailure(
            f"{file} cannot be written: {error.strerror}.", "Choose another place.", 0
        ) from error
    return file
