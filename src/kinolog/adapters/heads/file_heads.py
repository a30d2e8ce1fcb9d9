"""A file to which signed heads are appended, one JSON object a line, for whoever copies it to another place."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kinolog.merkle.witness import PublishedHead
from kinolog.ports.tree.head_target import HeadNotSent
from kinolog.process.files.heads_file import HeadsFile


class FileHeads:
    """Appends heads, each once."""

    every_seconds = 0.0

    def __init__(self, path: Path) -> None:
        self._file = HeadsFile(path)

    @property
    def name(self) -> str:
        return str(self._file.path)

    async def send(self, head: PublishedHead) -> bytes:
        try:
            await asyncio.to_thread(self._append, head)
        except OSError as error:
            raise HeadNotSent(error.strerror or str(error)) from error
        return b""

    def _append(self, head: PublishedHead) -> None:
        if self._file.last_number() < head.signed.number:
            self._file.append([head])
        elif not self._file.has_line(head.line):
            raise HeadNotSent(
                f"the file has another head {head.signed.number}, or later ones without it: history was rewritten, or "
                "two logs use one file"
            )

    async def close(self) -> None:
        """Nothing is open."""
