"""A file that a request sends: from a path, from bytes, or from an open file. It can be sent again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, TypeAlias

FileSource: TypeAlias = Path | str | bytes | BinaryIO
"""A path, the content itself, or a file that is open for reading in binary mode."""

NAME = "file"
"""Name of the field, and of the file: those of the user's files are not sent."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file to send as multipart/form-data."""

    source: FileSource

    @property
    def repeatable(self) -> bool:
        """Whether it can be read again: all but an open file that cannot be rewound, such as a pipe."""
        return isinstance(self.source, Path | str | bytes) or self.source.seekable()

    @contextmanager
    def multipart(self) -> Iterator[dict[str, tuple[str, BinaryIO]]]:
        """Yield the argument `files` of httpx, from the beginning of the content. Raises `OSError`."""
        match self.source:
            case Path() | str():
                with Path(self.source).open("rb") as file:
                    yield {NAME: (NAME, file)}
            case bytes():
                yield {NAME: (NAME, BytesIO(self.source))}
            case file:
                if file.seekable():
                    file.seek(0)
                yield {NAME: (NAME, file)}


@contextmanager
def multipart_of(file: SentFile | None) -> Iterator[dict[str, tuple[str, BinaryIO]] | None]:
    """Yield the argument `files` of httpx: the file of a request, or None for a request without one."""
    if file is None:
        yield None
        return
    with file.multipart() as files:
        yield files
