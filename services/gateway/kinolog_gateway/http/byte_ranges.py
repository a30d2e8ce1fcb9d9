"""Range, If-Range and If-None-Match (RFC 9110), for files whose ETag is their hash."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,19})\s*-\s*([0-9]{0,19})\s*", re.IGNORECASE)


class RangeNotSatisfiable(ValueError):
    """The range starts after the end of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """Bytes `first` to `last`, both included, of a file of `size` bytes."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.last - self.first + 1

    @property
    def content_range(self) -> str:
        """Value of the header Content-Range."""
        return f"bytes {self.first}-{self.last}/{self.size}"


def requested_range(headers: Mapping[str, str], etag: str, size: int) -> ByteRange | None:
    """Return the range that a request names, or None for the whole file.

    Several ranges at once and units other than bytes give None, which RFC 9110 allows. Raises RangeNotSatisfiable.
    """
    text = headers.get("range")
    if text is None or headers.get("if-range", etag) != etag:
        return None
    match = _ONE_RANGE.fullmatch(text.strip())
    if match is None:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise RangeNotSatisfiable
        return ByteRange(first=size - length, last=size - 1, size=size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise RangeNotSatisfiable
    return ByteRange(first=int(first), last=min(int(last), size - 1) if last else size - 1, size=size)


def not_modified(headers: Mapping[str, str], etag: str) -> bool:
    """Return whether If-None-Match names this file: the client has it."""
    text = headers.get("if-none-match")
    if text is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in text.split(",")]
    return "*" in tags or etag in tags
