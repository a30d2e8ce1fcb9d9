"""A file to which signed heads are appended, one JSON object a line, for whoever copies it to another place."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from kinolog.durable_files import PRIVATE_FILE
from kinolog.merkle.witness import PublishedHead

LAST_BYTES = 16_384
"""How much of the end of the file is read. A line is much shorter."""
READ_BYTES = 1 << 20
"""How much of the file is read at once."""


class HeadsFile:
    """The file. Its methods block, and raise `OSError`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def last_number(self) -> int:
        """Return the number of the last head in the file; 0 if there is none."""
        try:
            with self.path.open("rb") as file:
                file.seek(-min(LAST_BYTES, file.seek(0, os.SEEK_END)), os.SEEK_END)
                lines = file.read().splitlines()
        except FileNotFoundError:
            return 0
        for line in reversed(lines):
            try:
                return int(json.loads(line)["number"])
            except (ValueError, KeyError, TypeError):  # cut off, or of a person
                continue
        return 0

    def has_line(self, line: str) -> bool:
        """Return whether a line is in the file. It reads the whole file."""
        wanted = line.encode()
        with self.path.open("rb") as file:
            return any(found.rstrip(b"\n") == wanted for found in file)

    def lines(self, start: int) -> tuple[list[str], int]:
        """Return the next lines from an offset on, and the offset of their end. The last one may be cut off."""
        with self.path.open("rb") as file:
            file.seek(start)
            data = file.read(READ_BYTES)
        whole = data if len(data) < READ_BYTES else data[: data.rfind(b"\n") + 1]
        return whole.decode("utf-8", errors="replace").split("\n"), start + len(whole)

    def append(self, heads: Iterable[PublishedHead]) -> None:
        """Append heads, and flush them to the disk."""
        text = "".join(f"{each.line}\n" for each in heads)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        with os.fdopen(handle, "r+b") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":  # a crash cut off the line before
                    text = "\n" + text
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
