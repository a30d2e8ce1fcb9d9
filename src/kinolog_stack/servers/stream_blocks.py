"""Reads the blocks in which nats-server stores messages, and finds records whose position cannot be right.

A block holds records, one after the other. A record begins with its length (4 bytes, the highest bit says that it has
headers), its position in the stream (8 bytes), a time (8 bytes) and the length of its subject (2 bytes), little endian.
It ends with a hash of 8 bytes. The two highest bits of the position mark what was deleted.

nats-server 2.15 notes each position that is missing between two records of a block, before it compares the hash of the
later one. So one changed bit lets it note 2**55 positions, until no memory is left. See `indexCacheBuf` in
https://github.com/nats-io/nats-server/blob/main/server/filestore.go and decision 71.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

BLOCKS = "jetstream/*/streams/*/msgs/*.blk"
RECORD = Struct("<IQ")
LEAST_BYTES = 30
"""A record without subject and content: 22 bytes before them and the hash."""

HAS_HEADERS = 1 << 31
ERASED = 1 << 63
TOMBSTONE = 1 << 62

FARTHEST_STEP = 1 << 24
"""A block of 8 MiB, the largest, has room for 279,620 records: no two of it lie so far apart. Steps that are shorter
cost the server less than 100 MiB, after which it reads the block again and compares every hash.
"""


@dataclass(frozen=True, slots=True)
class DamagedRecord:
    """A record of a block with a position that is too far from the one before it."""

    block: Path
    offset: int
    before: int
    position: int

    @property
    def stream(self) -> str:
        """Name of the stream."""
        return self.block.parents[1].name

    def __str__(self) -> str:
        return (
            f"stream {self.stream}: the record at byte {self.offset} of {self.block} has position {self.position} "
            f"after {self.before}"
        )


def stored_bytes(folder: Path) -> int:
    """Return how much the blocks of all streams of a nats-server hold. A block may go meanwhile."""
    total = 0
    for block in folder.glob(BLOCKS):
        try:
            total += block.stat().st_size
        except FileNotFoundError:
            continue
    return total


def damaged_records(folder: Path) -> Iterator[DamagedRecord]:
    """Yield the first damaged record of each block of each stream of a nats-server, which does not run."""
    for block in sorted(folder.glob(BLOCKS)):
        if (found := damaged_record(block)) is not None:
            yield found


def damaged_record(block: Path) -> DamagedRecord | None:
    """Return the first record of a block whose position is too far from the one before it. Read to the last record."""
    try:
        content = block.read_bytes()
    except FileNotFoundError:
        return None
    offset, before = 0, 0
    while offset + LEAST_BYTES <= len(content):
        length, position = RECORD.unpack_from(content, offset)
        length &= ~HAS_HEADERS
        if length < LEAST_BYTES:  # nats-server reads no further either
            return None
        if not position & TOMBSTONE:
            position &= ~ERASED
            if before and position - before > FARTHEST_STEP:
                return DamagedRecord(block, offset, before, position)
            before = max(before, position)
        offset += length
    return None
