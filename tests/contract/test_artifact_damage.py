"""Damage of files in a folder: found wherever the byte is, also without a trace, and at the cost of one reading."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinolog.adapters.obstore.artifacts import ObstoreArtifacts
from kinolog.adapters.obstore.configured_store import artifacts_at
from kinolog.adapters.obstore.verified_versions import ContentVersion, VerifiedVersions
from kinolog.ports.artifacts import ArtifactDamaged, ArtifactStore, ContentFacts

JOB = "a" * 26


def _open(folder: Path) -> ObstoreArtifacts:
    return artifacts_at((folder / "artifacts").as_uri())


async def _stream(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _put(store: ArtifactStore, content: bytes) -> str:
    return (await store.commit(await store.stage(_stream(content), JOB), ".mp4")).key


async def _read(store: ArtifactStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(key, start, end)])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(0, 4_999), bit=st.integers(0, 7), start=st.integers(0, 4_999))
async def test_any_flipped_bit_is_found_by_any_range(
    tmp_path: Path, place: int, bit: int, start: int
) -> None:
    """A bit that is flipped anywhere is found by a range anywhere, and storing the content again heals it."""
    store = _open(tmp_path)
    content = bytes(index % 251 for index in range(5_000))
    key = await _put(store, content)
    assert await _read(store, key, start, start + 1) == content[start : start + 1]
    path = tmp_path / "artifacts" / key
    damaged = bytearray(content)
    damaged[place] ^= 1 << bit
    path.write_bytes(damaged)
    with pytest.raises(ArtifactDamaged, match=key):
        await _read(store, key, start, start + 1)
    assert await _put(store, content) == key
    assert await _read(store, key) == content


async def test_damage_without_a_trace_is_noticed(tmp_path: Path) -> None:
    """A disk that changes a byte leaves the time of modification. A complete read ends with an error nevertheless."""
    store = _open(tmp_path)
    content = bytes(range(256)) * 12_000
    key = await _put(store, content)
    assert await _read(store, key) == content
    path = tmp_path / "artifacts" / key
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(5)
        file.write(b"!")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    received = 0
    with pytest.raises(ArtifactDamaged):  # noqa: PT012 - the bytes before the error count
        async for chunk in store.read(key):
            received += len(chunk)
    assert received < len(content), "the last bytes are held back, so that nobody takes the file for whole"
    with pytest.raises(ArtifactDamaged):
        await _read(store, key, 7, 9)


async def test_an_artifact_is_verified_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many ranges of one artifact, also at the same time, read it in full once; after a change once more."""
    store = _open(tmp_path)
    key = await _put(store, bytes(5_000))
    readings = 0
    measure = ObstoreArtifacts._measure

    async def counted(self: ObstoreArtifacts, key: str) -> tuple[ContentFacts, ContentVersion]:
        nonlocal readings
        readings += 1
        return await measure(self, key)

    monkeypatch.setattr(ObstoreArtifacts, "_measure", counted)
    parts = await asyncio.gather(*(_read(store, key, start, start + 100) for start in range(0, 5_000, 100)))
    assert b"".join(parts) == bytes(5_000)
    assert readings == 1
    path = tmp_path / "artifacts" / key
    os.utime(path, (1, 1))
    assert await _read(store, key, 1, 9) == bytes(8)
    assert readings == 2


def test_the_memory_of_verified_versions_is_bounded() -> None:
    """The version that was not asked for longest is forgotten, and its artifact is read again."""
    versions, version = (
        VerifiedVersions(capacity=2),
        ContentVersion(1, datetime(2026, 1, 1, tzinfo=UTC), None),
    )
    for key in ("a", "b"):
        versions.add(key, version)
    assert versions.has("a", version)
    versions.add("c", version)
    assert [versions.has(key, version) for key in ("a", "b", "c")] == [True, False, True]
    assert not versions.has("a", ContentVersion(2, version.modified_at, None))
