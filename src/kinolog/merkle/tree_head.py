"""The head of a tree: its size and root at a time, as a text that is signed (https://c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime

from kinolog.merkle.hashes import HASH_BYTES
from kinolog.merkle.signed_note import InvalidNote

ORIGIN = "kinolog-log/"
READS_ORIGIN = "kinolog-reads/"
_ORIGIN_DIGITS = 16
_TIME = "time "
_READS = "reads "


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTreeHead:
    """Size and root of the tree over all batches of recorded reads."""

    origin: str
    """Which record it is of. One that was begun again has another."""
    size: int
    root: bytes

    @property
    def line(self) -> str:
        """The line of a signed head: the origin, the size and the root in base64."""
        return f"{_READS}{self.origin} {self.size} {base64.b64encode(self.root).decode('ascii')}\n"

    @classmethod
    def of(cls, line: str) -> ReadTreeHead:
        """Return what a line states. Raises `ValueError`."""
        origin, size, root = line.removeprefix(_READS).split(" ")
        return cls(origin=origin, size=int(size), root=base64.b64decode(root, validate=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """Size and root of a tree, and when they were signed."""

    origin: str
    """Which log it is of."""
    size: int
    root: bytes
    at: datetime
    reads: ReadTreeHead | None = None
    """The tree over the recorded reads. None if there are none, and in heads of earlier versions."""

    @property
    def text(self) -> str:
        """What is signed: the origin, the size, the root in base64, the time, and the tree over reads, one a line."""
        root = base64.b64encode(self.root).decode("ascii")
        reads = self.reads.line if self.reads else ""
        return f"{self.origin}\n{self.size}\n{root}\n{_TIME}{self.at.astimezone(UTC).isoformat()}\n{reads}"

    @classmethod
    def of(cls, text: str) -> TreeHead:
        """Return the head that a text states. Raises `InvalidNote`."""
        try:
            origin, size, root, time, *reads, rest = text.split("\n")
            head = cls(
                origin=origin,
                size=int(size),
                root=base64.b64decode(root, validate=True),
                at=datetime.fromisoformat(time.removeprefix(_TIME)),
                reads=ReadTreeHead.of(reads[0]) if reads else None,
            )
        except (ValueError, binascii.Error) as error:
            raise InvalidNote(f"this is no head of a tree: {error}") from error
        roots = [head.root, *([head.reads.root] if head.reads else [])]
        is_wrong = any(len(root) != HASH_BYTES for root in roots) or head.size < 0
        if rest or is_wrong or head.text != text:
            raise InvalidNote("this is no head of a tree")
        return head


def origin_of(first_leaf: bytes) -> str:
    """Return the name of a log: it follows from the hash of its first commit, so no two logs have the same."""
    return ORIGIN + first_leaf.hex()[:_ORIGIN_DIGITS]


def reads_origin_of(first_leaf: bytes) -> str:
    """Return the name of a record of reads: it follows from the hash of its first batch."""
    return READS_ORIGIN + first_leaf.hex()[:_ORIGIN_DIGITS]
