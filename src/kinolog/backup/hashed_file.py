"""A file that is hashed while it is written, and has its name only when it is complete on the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import IO, Self

UNFINISHED = ".unfinished"


class HashedFile:
    """Writes one file in a `with` block: under a temporary name, flushed, and renamed unless the block raises.

    The caller flushes the folder. Every method raises `OSError`, and leaves no part of the file behind.
    """

    def __init__(self, target: Path, *, mode: int = 0o600) -> None:
        self._target = target
        self._temporary = target.with_name(f"{target.name}{UNFINISHED}")
        self._mode = mode
        self._hash = sha256()
        self.size_bytes = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        self._file = os.fdopen(os.open(self._temporary, flags, self._mode), "wb")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._file is None:
            return
        try:
            with self._file as file:
                if kind is None:
                    file.flush()
                    os.fsync(file.fileno())
                    self._temporary.replace(self._target)
        finally:
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """The hash of what was written, in hexadecimal digits."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Write bytes."""
        if self._file is not None:
            self._file.write(chunk)
            self._hash.update(chunk)
            self.size_bytes += len(chunk)
