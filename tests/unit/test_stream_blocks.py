"""Records of a block whose positions cannot be right are found, and no others."""

from __future__ import annotations

from pathlib import Path
from struct import pack

import pytest

from kinolog_stack.servers.memory_guard import allowed_bytes, machine_bytes, most_bytes
from kinolog_stack.servers.stream_blocks import (
    ERASED,
    FARTHEST_STEP,
    HAS_HEADERS,
    TOMBSTONE,
    correct,
    damaged_record,
    damaged_records,
    last_position,
    stored_bytes,
)


def record(
    position: int, content: bytes = b"content", *, headers: bool = False, subject_length: int = 0
) -> bytes:
    """Return a record of a block, with a hash that nobody compares."""
    length = 22 + len(content) + 8
    return (
        pack("<IQqH", length | (HAS_HEADERS if headers else 0), position, 1, subject_length)
        + content
        + bytes(8)
    )


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


@pytest.mark.parametrize("bit", range(24))
def test_what_follows_a_wrong_length_is_no_position(tmp_path: Path, bit: int) -> None:
    """The server reads no further where a record is longer than the block, or its subject longer than the record."""
    records = [record(number, b"\xff" * 90, subject_length=40) for number in range(1, 30)]
    wrong = bytearray(b"".join(records))
    wrong[bit // 8] ^= 1 << bit % 8
    assert damaged_record(block(tmp_path, bytes(wrong))) is None


@pytest.mark.parametrize(
    ("before", "after"), [(7, 8), ((1 << 40) + FARTHEST_STEP - 1, (1 << 40) + FARTHEST_STEP)]
)
@pytest.mark.parametrize("flag", [0, ERASED])
def test_a_position_is_corrected_from_the_one_before(
    tmp_path: Path, before: int, after: int, flag: int
) -> None:
    """All bits that can make a step too long are those of the position before, or of the next multiple."""
    path = block(tmp_path, record(before), record(after | flag), record(after + 1))
    whole = path.read_bytes()
    block(tmp_path, record(before), record((after ^ 1 << 56) | flag), record(after + 1))
    found = damaged_record(path)
    assert found is not None
    assert found.right_position == after
    correct(found)
    assert path.read_bytes() == whole


def test_the_last_position_of_a_stream_is_that_of_its_whole_blocks(tmp_path: Path) -> None:
    block(tmp_path, record(1), record(5 | TOMBSTONE), record(3))
    block(tmp_path, record(4), record(1 << 50), name="2.blk")
    block(tmp_path, record(9), stream="WORK")
    assert [last_position(tmp_path, stream) for stream in ("EVENTS", "WORK", "KEYS")] == [3, 9, 0]


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
    assert allowed_bytes(50, 1_000, 2) == 2_400
    assert allowed_bytes(1 << 60, 1_000, 8) == most_bytes() < machine_bytes()
    limit = tmp_path / "memory.max"
    limit.write_text("4096\n")
    assert machine_bytes(limit) == 4_096
    limit.write_text("max\n")
    assert machine_bytes(limit) == machine_bytes(tmp_path / "none") > 4_096
