"""A file that appears when it is complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def partial_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write beside `path`. It replaces `path` at the end of the block. Raises `OSError`.

    An error in the block leaves `path` as it was, and removes the partial file.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
