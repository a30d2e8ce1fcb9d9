"""Reads and writes rows in the binary format of COPY, without decoding what they hold.

A row of a table that is copied begins with its key: its first column. Postgres writes equal rows as equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = _SIGNATURE + bytes(8)
"""The signature, no flags, and no extension."""
TRAILER = b"\xff\xff"
_NULL = -1
_COLUMNS, _SIZE = Struct(">h"), Struct(">i")


class NoCopiedRows(Exception):
    """These bytes are not what a COPY writes."""


@dataclass(frozen=True, slots=True)
class CopiedRow:
    """A row: the bytes of its key, and of the whole row as COPY writes it."""

    key: bytes
    raw: bytes

    def columns(self) -> list[bytes]:
        """Return the bytes of each column; none for NULL."""
        found, at = [], _COLUMNS.size
        while at < len(self.raw):
            (size,) = _SIZE.unpack_from(self.raw, at)
            at += _SIZE.size
            found.append(self.raw[at : at + max(0, size)])
            at += max(0, size)
        return found


class CopiedRowParser:
    """Finds the rows in a COPY that arrives in chunks, however they are cut."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._ended = False

    def rows(self, chunk: bytes) -> Iterator[CopiedRow]:
        """Yield the rows that a chunk completes. Raises `NoCopiedRows`."""
        data = self._rest + chunk if self._rest else chunk
        at = 0
        if not self._begun:
            if len(data) < len(HEADER):
                self._rest = data
                return
            if not data.startswith(HEADER):
                raise NoCopiedRows("it does not begin as a copy of a table does")
            self._begun, at = True, len(HEADER)
        while len(data) - at >= _COLUMNS.size:
            if data.startswith(TRAILER, at):
                self._ended, at = True, at + len(TRAILER)
                break
            end = _end_of_row(data, at)
            if end is None:
                break
            (size,) = _SIZE.unpack_from(data, at + _COLUMNS.size)
            key = at + _COLUMNS.size + _SIZE.size
            yield CopiedRow(data[key : key + size], data[at:end])
            at = end
        self._rest = data[at:]

    def end(self) -> None:
        """Raise `NoCopiedRows` unless the last chunk was the end of a copy."""
        if not self._ended or self._rest:
            raise NoCopiedRows("it does not end as a copy of a table does")


def _end_of_row(data: bytes, at: int) -> int | None:
    """Return where the row at `at` ends; None if the data ends before. Raises `NoCopiedRows`."""
    (columns,) = _COLUMNS.unpack_from(data, at)
    if columns <= 0:
        raise NoCopiedRows("a row in it has no columns")
    at += _COLUMNS.size
    for _ in range(columns):
        if len(data) - at < _SIZE.size:
            return None
        (size,) = _SIZE.unpack_from(data, at)
        if size < _NULL:
            raise NoCopiedRows("a column in it has no size")
        at += _SIZE.size + max(0, size)
    return at if at <= len(data) else None
