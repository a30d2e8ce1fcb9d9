"""A queue that a real kinolog has worked off, as an export of its log: what simulations are compared with."""

from __future__ import annotations

import gzip
from pathlib import Path

EXPORT = Path(__file__).parent / "events.jsonl.gz"


def unpacked(folder: Path) -> Path:
    """Write the export into a folder. Return the file."""
    place = folder / "events.jsonl"
    place.write_bytes(gzip.decompress(EXPORT.read_bytes()))
    return place
