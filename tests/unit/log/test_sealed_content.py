"""Content that is sealed in chunks: whole or not at all, whatever was done to the chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kinolog.privacy.sealed_content import (
    CHUNK_BYTES,
    SEALED_CHUNK_BYTES,
    ContentSealer,
    sealed_range,
)
from kinolog.privacy.sealer import Sealer, UnsealFailed

KEY = bytes(range(32))
JOB = "a" * 26
SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES - 7)


def _content(size: int) -> bytes:
    return (bytes(number * number % 251 for number in range(997)) * (size // 997 + 1))[:size]


def _sealer(job: str = JOB, purpose: str = "input/0") -> ContentSealer:
    return ContentSealer(Sealer(job, KEY), purpose)


async def _pieces(content: bytes, size: int = 10_007) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def _sealed(content: bytes) -> bytes:
    return b"".join([chunk async for chunk in _sealer().seal(_pieces(content))])


async def _unsealed(sealed: bytes, sealer: ContentSealer | None = None) -> bytes:
    return b"".join([chunk async for chunk in (sealer or _sealer()).unseal(_pieces(sealed))])


@pytest.mark.parametrize("size", SIZES)
async def test_content_of_any_length_is_unsealed(size: int) -> None:
    """The pieces that either side gets have nothing to do with the chunks."""
    content = _content(size)
    sealed = await _sealed(content)
    assert len(content) < 16 or content[:100] not in sealed, "what is shorter may be there by chance"
    assert await _unsealed(sealed) == content
    assert await _sealed(content) != sealed, "every seal has nonces of its own"


@pytest.mark.parametrize(
    "damage",
    [
        lambda sealed: sealed[:SEALED_CHUNK_BYTES],
        lambda sealed: sealed[:-1],
        lambda sealed: sealed[: 2 * SEALED_CHUNK_BYTES + 5],
        lambda sealed: b"",
        lambda sealed: sealed[SEALED_CHUNK_BYTES:],
        lambda sealed: (
            sealed[SEALED_CHUNK_BYTES : 2 * SEALED_CHUNK_BYTES]
            + sealed[:SEALED_CHUNK_BYTES]
            + sealed[2 * SEALED_CHUNK_BYTES :]
        ),
        lambda sealed: sealed + sealed[-100:],
        lambda sealed: sealed[:50] + bytes([sealed[50] ^ 1]) + sealed[51:],
    ],
    ids=[
        "ends early",
        "torn",
        "ends in a nonce",
        "empty",
        "begins late",
        "exchanged",
        "goes on",
        "flipped bit",
    ],
)
async def test_changed_content_does_not_unseal(damage: object) -> None:
    """Chunks that are missing, exchanged, added or changed are found."""
    sealed = await _sealed(_content(2 * CHUNK_BYTES + 1_000))
    with pytest.raises(UnsealFailed):
        await _unsealed(damage(sealed))  # type: ignore[operator]


async def test_content_unseals_in_its_own_place() -> None:
    """Neither for another job nor for another purpose, under the same key."""
    sealed = await _sealed(b"mine")
    for other in (_sealer("b" * 26), _sealer(purpose="input/1")):
        with pytest.raises(UnsealFailed):
            await _unsealed(sealed, other)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, 1),
        (CHUNK_BYTES - 1, CHUNK_BYTES + 1),
        (CHUNK_BYTES, 2 * CHUNK_BYTES),
        (0, None),
        (-1, None),
        (5, 5),
    ],
)
async def test_a_range_needs_its_chunks_alone(start: int, end: int | None) -> None:
    """Chunks in the middle unseal by their number."""
    content = _content(2 * CHUNK_BYTES + 77)
    start, stop = start % len(content), len(content) if end is None else end
    sealed = await _sealed(content)
    first, after = sealed_range(start, stop, len(content))
    part = sealed[first * SEALED_CHUNK_BYTES : after * SEALED_CHUNK_BYTES]
    whole = after * SEALED_CHUNK_BYTES >= len(sealed)
    found = b"".join([piece async for piece in _sealer().unseal(_pieces(part), first=first, whole=whole)])
    skipped = start - first * CHUNK_BYTES
    assert found[skipped : skipped + stop - start] == content[start:stop]
    assert len(found) <= stop - start + 2 * CHUNK_BYTES
