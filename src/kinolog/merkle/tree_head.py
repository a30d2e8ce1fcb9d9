"""The head of a tree: its size and root at a time, as a text that is signed (https://c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime

from kinolog.merkle.hashes import HASH_BYTES
from kinolog.merkle.signed_note import InvalidNote

ORIGIN = "kinolog-log/"
_ORIGIN_DIGITS = 16
_TIME = "time "


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """Size and root of a tree, and when they were signed."""

    origin: str
    """Which log it is of."""
    size: int
    root: bytes
    at: datetime

    @property
    def text(self) -> str:
        """What is signed: the origin, the size, the root in base64 and the time, one a line."""
        root = base64.b64encode(self.root).decode("ascii")
        return f"{self.origin}\n{self.size}\n{root}\n{_TIME}{self.at.astimezone(UTC).isoformat()}\n"

    @classmethod
    def of(cls, text: str) -> TreeHead:
        """Return the head that a text states. Raises `InvalidNote`."""
        try:
            origin, size, root, time, rest = text.split("\n")
            head = cls(
                origin=origin,
                size=int(size),
                root=base64.b64decode(root, validate=True),
                at=datetime.fromisoformat(time.removeprefix(_TIME)),
            )
        except (ValueError, binascii.Error) as error:
            raise InvalidNote(f"this is no head of a tree: {error}") from error
        if rest or len(head.root) != HASH_BYTES or head.size < 0 or head.text != text:
            raise InvalidNote("this is no head of a tree")
        return head


def origin_of(first_leaf: bytes) -> str:
    """Return the name of a log: it follows from the hash of its first commit, so no two logs have the same."""
    return ORIGIN + first_leaf.hex()[:_ORIGIN_DIGITS]
