"""Reads the blocks in which nats-server stores messages, and finds records whose position cannot be right.

A block holds records, one after the other. A record begins with its length (4 bytes, the highest bit says that it has
headers), its position in the stream (8 bytes), a time (8 bytes) and the length of its subject (2 bytes), little endian.
It ends with a hash of 8 bytes. The two highest bits of the position mark what was deleted.

nats-server 2.15 notes each position that is missing between two records of a block, before it compares the hash of the
later one. So one changed bit lets it note up to 2**61 positions, until no memory is left. See `indexCacheBuf` in
https://github.com/nats-io/nats-server/blob/main/server/filestore.go and decision 71.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

RECORD = Struct("<IQqH")
"""Length, position, time, length of the subject."""
POSITION_OFFSET = 4
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

    @property
    def right_position(self) -> int:
        """The position, if the bits of `FARTHEST_STEP` and above alone are wrong. The hash of the record proves it."""
        position = self.before - self.before % FARTHEST_STEP + self.position % FARTHEST_STEP
        return position if position > self.before else position + FARTHEST_STEP

    def __str__(self) -> str:
        return (
            f"stream {self.stream}: the record at byte {self.offset} of {self.block} has position {self.position} "
            f"after {self.before}"
        )


def stored_bytes(folder: Path) -> int:
    """Return how much the blocks of all streams of a nats-server hold. A block may go meanwhile."""
    total = 0
    for block in _blocks(folder):
        try:
            total += block.stat().st_size
        except FileNotFoundError:
            continue
    return total


def damaged_records(folder: Path) -> Iterator[DamagedRecord]:
    """Yield the first damaged record of each block of each stream of a nats-server, which does not run.

    Raises `OSError` for a block that cannot be read.
    """
    for block in _blocks(folder):
        if (found := damaged_record(block)) is not None:
            yield found


def damaged_record(block: Path) -> DamagedRecord | None:
    """Return the first record of a block whose position is too far from the one before it. Raises `OSError`."""
    before = 0
    for offset, position in _positions(block):
        if before and position - before > FARTHEST_STEP:
            return DamagedRecord(block, offset, before, position)
        before = max(before, position)
    return None


def correct(record: DamagedRecord) -> None:
    """Give a record its right position, durably. Raises `OSError`."""
    with record.block.open("r+b") as file:
        file.seek(record.offset + POSITION_OFFSET)
        stored = int.from_bytes(file.read(8), "little")
        file.seek(record.offset + POSITION_OFFSET)
        file.write((stored & ERASED | record.right_position).to_bytes(8, "little"))
        file.flush()
        os.fsync(file.fileno())


def last_position(folder: Path, stream: str) -> int:
    """Return the last position in the blocks of a stream of a nats-server that cannot read it. Raises `OSError`."""
    last = 0
    for block in _blocks(folder):
        if block.parents[1].name == stream and damaged_record(block) is None:
            last = max([last, *(position for _, position in _positions(block))])
    return last


def _blocks(folder: Path) -> list[Path]:
    """Return the blocks of all streams. A folder that goes meanwhile has none."""
    found = os.walk(folder / "jetstream")
    folders = ((Path(path), names) for path, _, names in found)
    return sorted(
        path / name
        for path, names in folders
        if path.name == "msgs"
        for name in names
        if name.endswith(".blk")
    )


def _positions(block: Path) -> Iterator[tuple[int, int]]:
    """Yield offset and position of each record, up to where nats-server reads no further. Tombstones have none."""
    try:
        content = block.read_bytes()
    except FileNotFoundError:
        return
    offset = 0
    while offset + LEAST_BYTES <= len(content):
        length, position, _, subject_length = RECORD.unpack_from(content, offset)
        length &= ~HAS_HEADERS
        if length < LEAST_BYTES + subject_length or offset + length > len(content):
            return
        if not position & TOMBSTONE:
            yield offset, position & ~ERASED
        offset += length
