"""Records of a block whose positions cannot be right are found, and no others."""

from __future__ import annotations

from pathlib import Path
from struct import pack

import pytest

from kinolog_stack.servers.memory_guard import allowed_bytes, machine_bytes
from kinolog_stack.servers.stream_blocks import (
    ERASED,
    FARTHEST_STEP,
    HAS_HEADERS,
    TOMBSTONE,
    damaged_record,
    damaged_records,
    stored_bytes,
)


def record(position: int, content: bytes = b"content", *, headers: bool = False) -> bytes:
    """Return a record of a block, with a hash that nobody compares."""
    length = 22 + len(content) + 8
    return pack("<IQqH", length | (HAS_HEADERS if headers else 0), position, 1, 0) + content + bytes(8)


def block(folder: Path, *records: bytes, stream: str = "EVENTS", name: str = "1.blk") -> Path:
    """Write a block of a stream of nats-server."""
    path = folder / "jetstream/$G/streams" / stream / "msgs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(records))
    return path


@pytest.mark.parametrize("bit", [25, 40, 56, 61])
@pytest.mark.parametrize("headers", [False, True])
def test_a_record_that_is_too_far_from_the_one_before_is_found(
    tmp_path: Path, bit: int, headers: bool
) -> None:
    """Any high bit of its position, and one of a record that is erased: stream, block, byte and positions are named."""
    first = record(7, headers=headers)
    path = block(tmp_path, first, record(8 | 1 << bit, headers=headers), record(9))
    found = damaged_record(path)
    assert found is not None
    assert (found.stream, found.block, found.offset) == ("EVENTS", path, len(first))
    assert (found.before, found.position) == (7, 8 | 1 << bit)
    assert "stream EVENTS" in str(found)
    assert str(path) in str(found)
    assert damaged_record(block(tmp_path, first, record(8 | 1 << bit | ERASED))) is not None


def test_gaps_that_a_server_leaves_are_whole(tmp_path: Path) -> None:
    """Deleted messages, tombstones of any position, a block that begins late, a torn end, and what is no block."""
    path = block(
        tmp_path,
        record(1 << 40),
        record((1 << 40) + FARTHEST_STEP),
        record((1 << 40) + FARTHEST_STEP + 1 | ERASED),
        record(3 | TOMBSTONE),
        record((1 << 61) | TOMBSTONE),
        record(5),
        record((1 << 40) + FARTHEST_STEP + 2)[:-9],
    )
    assert damaged_record(path) is None
    assert damaged_record(block(tmp_path, b"")) is None
    assert damaged_record(block(tmp_path, bytes(100))) is None
    assert damaged_record(tmp_path / "gone.blk") is None


def test_each_damaged_block_of_each_stream_is_found(tmp_path: Path) -> None:
    """Of a block the first record is named. What all blocks hold is counted."""
    paths = [
        block(tmp_path, record(1), record(1 << 50), record(1 << 60), stream="EVENTS"),
        block(tmp_path, record(1), record(2), stream="EVENTS", name="2.blk"),
        block(tmp_path, record(1), record(1 << 50), stream="WORK"),
    ]
    found = [(damaged.stream, damaged.position) for damaged in damaged_records(tmp_path)]
    assert found == [("EVENTS", 1 << 50), ("WORK", 1 << 50)]
    assert stored_bytes(tmp_path) == sum(path.stat().st_size for path in paths)


def test_memory_follows_what_is_stored_up_to_a_share_of_the_machine(tmp_path: Path) -> None:
    """A larger log may take more. A container's limit counts as its machine; without one, the machine does."""
    assert allowed_bytes(50, 1_000) == 1_200
    assert allowed_bytes(1 << 60, 1_000) < machine_bytes()
    limit = tmp_path / "memory.max"
    limit.write_text("4096\n")
    assert machine_bytes(limit) == 4_096
    limit.write_text("max\n")
    assert machine_bytes(limit) == machine_bytes(tmp_path / "none") > 4_096
