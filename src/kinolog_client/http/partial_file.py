"""A file that is there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def partial_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write beside `path`, which takes its place at the end of the block. Raises OSError.

    An error in the block leaves what was at `path`, and removes what was written.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
