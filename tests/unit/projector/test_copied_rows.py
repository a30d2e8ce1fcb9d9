"""Rows in the binary format of COPY are found however the copy is cut, and a changed copy is noticed."""

from __future__ import annotations

import pytest
from kinolog_projector.backup.copied_rows import HEADER, TRAILER, CopiedRowParser, NoCopiedRows


def row(*columns: bytes | None) -> bytes:
    """Return a row as Postgres writes it."""
    parts = [
        b"\xff\xff\xff\xff" if column is None else len(column).to_bytes(4, "big") + column
        for column in columns
    ]
    return len(columns).to_bytes(2, "big") + b"".join(parts)


def parsed(copy: bytes) -> list[bytes]:
    """Return the keys in a copy that comes in one chunk."""
    parser = CopiedRowParser()
    keys = [each.key for each in parser.rows(copy)]
    parser.end()
    return keys


ROWS = [row(b"a", None, b""), row(b"b", b"\xff\xff", b"text"), row(b"c", b"x" * 70, None)]
COPY = HEADER + b"".join(ROWS) + TRAILER


@pytest.mark.parametrize("size", [1, 2, 7, len(HEADER), len(COPY)])
def test_rows_are_found_in_any_chunks(size: int) -> None:
    """Each row comes once, with its first column as its key."""
    parser = CopiedRowParser()
    chunks = [COPY[at : at + size] for at in range(0, len(COPY), size)]
    found = [each for chunk in chunks for each in parser.rows(chunk)]
    parser.end()
    assert [each.raw for each in found] == ROWS
    assert [each.key for each in found] == [b"a", b"b", b"c"]
    assert found[1].columns() == [b"b", b"\xff\xff", b"text"]


@pytest.mark.parametrize(
    "copy",
    [
        b"",
        b"PGCOPY" + COPY[6:-1],
        b"another file altogether",
        COPY[:-2],
        COPY + b"x",
        HEADER + b"\x00\x00" + TRAILER,
        HEADER + b"\x00\x01\xff\xff\xff\x00" + TRAILER,
        HEADER + ROWS[0][:-1] + TRAILER,
    ],
)
def test_other_bytes_are_no_copy(copy: bytes) -> None:
    """A file that is cut off, or that never was a copy."""
    with pytest.raises(NoCopiedRows):
        parsed(copy)
