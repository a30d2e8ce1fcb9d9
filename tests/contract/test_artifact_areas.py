"""The areas of a store, what is staged in them, and what writers leave there. In memory and on a local folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from kinolog.adapters.obstore.configured_store import artifacts_at
from kinolog.ports.artifacts import ArtifactStore, StoreArea
from kinolog.process.tasks import end_tasks
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.fixtures.waits import until

Kind = Literal["memory", "folder"]
JOB = "a" * 26


def _open(kind: Kind, folder: Path, area: StoreArea = StoreArea.JOBS) -> ArtifactStore:
    return MemoryArtifacts(area) if kind == "memory" else artifacts_at((folder / "artifacts").as_uri(), area)


async def _stream(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _read(store: ArtifactStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.read(key)])


async def _put(store: ArtifactStore, content: bytes, suffix: str = ".mp4") -> str:
    return (await store.commit(await store.stage(_stream(content), JOB), suffix)).key


@pytest.mark.parametrize("kind", ["memory", "folder"])
async def test_a_copy_stays_staged_until_it_is_discarded(kind: Kind, tmp_path: Path) -> None:
    """The address has it at once, and whoever finds it staged knows its job."""
    store = _open(kind, tmp_path)
    staged = await store.stage(_stream(b"copy"), JOB)
    key = (await store.commit(staged, ".sealed", keep_staged=True)).key
    assert (await store.staged_before(0), await store.staged_before(3600)) == ([JOB], [])
    assert len(await store.keys_of(JOB)) == 2
    await store.discard(staged)
    assert await store.staged_before(0) == []
    assert await _read(store, key) == b"copy"


@pytest.mark.parametrize("kind", ["memory", "folder"])
async def test_uploads_are_apart_from_jobs(kind: Kind, tmp_path: Path) -> None:
    """The areas of a store share nothing but the folder of staged content, and an id names another place in each."""
    jobs, uploads = _open(kind, tmp_path), _open(kind, tmp_path, StoreArea.UPLOADS)
    mine, upload = await _put(jobs, b"mine"), await _put(uploads, b"upload", ".sealed")
    assert (mine.split("/")[0], upload.split("/")[0]) == ("jobs", "uploads")
    assert (await jobs.keys_of(JOB), await uploads.keys_of(JOB)) == ([mine], [upload])
    assert (await uploads.committed_before(0), await uploads.committed_before(3600)) == ([upload], [])
    stat = await uploads.head(upload)
    assert stat is not None
    assert abs(datetime.now(UTC) - stat.modified_at) < timedelta(minutes=10)
    sizes = [await uploads.committed_bytes(start) for start in ("a", JOB, "b")]
    assert (sizes, await jobs.committed_bytes("a")) == ([6, 6, 0], 4)
    assert await uploads.delete(upload)
    assert await uploads.committed_before(0) == []
    assert await _read(jobs, mine) == b"mine"
    assert not (tmp_path / "artifacts" / "uploads" / JOB).exists()


async def test_a_foreign_file_is_no_staged_content(tmp_path: Path) -> None:
    """A file manager may leave one between the folders of jobs."""
    store = _open("folder", tmp_path)
    await store.stage(_stream(b"staged"), JOB)
    (tmp_path / "artifacts" / "tmp" / "jobs" / ".DS_Store").write_bytes(b"foreign")
    assert await store.staged_before(0) == [JOB]


async def test_what_a_killed_writer_leaves_is_found_and_deleted(tmp_path: Path) -> None:
    """obstore writes to a file that it never lists. It counts as a file of its job: for erasure, proof and sweep."""
    store, stuck = _open("folder", tmp_path), asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        await stuck.wait()

    writes = [asyncio.create_task(store.stage(half(), job_id)) for job_id in (JOB, JOB + "x")]
    try:
        (left,) = await until(lambda: store.keys_of(JOB), "the write has begun", bool)
        assert "#" in left
        assert (tmp_path / "artifacts" / left).is_file()
        assert await store.delete_all(JOB) == 1
        assert await store.keys_of(JOB) == []
        await until(lambda: store.keys_of(JOB + "x"), "the other write has begun", bool)
        assert await store.sweep(3600) == 0
        assert await store.sweep(0) == 1
        assert not [path for path in (tmp_path / "artifacts" / "tmp").rglob("*") if JOB in path.name]
    finally:
        await end_tasks(writes)
