"""Range, If-Range and If-Match for a file that grows while it is read (RFC 9110; RFC 8673 for ranges without an end).

The tag of such a file names the attempt that it shows: the bytes of another attempt are others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

WITHOUT_END = 2**53 - 1
"""A range up to this byte, or a later one, goes on until the end of the file (RFC 8673)."""

_RANGE = re.compile(r"bytes\s*=\s*([0-9]{1,19})\s*-\s*([0-9]{0,19})\s*", re.IGNORECASE)
_TAG = re.compile(r'"live-([1-9][0-9]{0,8})"')
_OTHER_ATTEMPT = 2**32 - 1
"""The attempt of a tag that is none of ours. No job has so many."""


@dataclass(frozen=True, slots=True)
class GrowingRange:
    """Bytes from `first` on: up to `last`, or without one up to what is there. With `is_live` it goes on to the end."""

    first: int
    last: int | None = None
    is_live: bool = False

    def held(self, available: int) -> int:
        """Return how many of the bytes there are, of a file that has so many."""
        end = available if self.last is None else min(available, self.last + 1)
        return max(0, end - self.first)


def growing_range(headers: Mapping[str, str]) -> GrowingRange | None:
    """Return the range that a request names; None for the whole file.

    That is also the answer to a range from the first byte without an end, as players send it, to several ranges, and to
    the last bytes of a file whose end is not known.
    """
    match = _RANGE.fullmatch(headers.get("range", "").strip())
    if match is None:
        return None
    first, last = int(match[1]), int(match[2]) if match[2] else None
    if last is None:
        return GrowingRange(first) if first else None
    if last < first:
        return None
    if last >= WITHOUT_END:
        return GrowingRange(first, last, is_live=True) if first else None
    return GrowingRange(first, last)


def tag_of(attempt: int) -> str:
    """Return the tag of the live video of an attempt."""
    return f'"live-{attempt}"'


def attempt_in(tag: str | None) -> int:
    """Return the attempt that a tag names; 0 for no tag and for `*`. Another tag names an attempt that no job has."""
    if tag is None or tag.strip() == "*":
        return 0
    match = _TAG.fullmatch(tag.strip())
    return int(match[1]) if match else _OTHER_ATTEMPT
