"""Conformance of the artifact stores. Runs in memory and on a local folder through obstore."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinolog.adapters.obstore.configured_store import artifacts_at
from kinolog.ids import files_of
from kinolog.ports.artifacts import (
    ArtifactDamaged,
    ArtifactMissing,
    ArtifactStore,
    ArtifactsUnavailable,
    ContentFacts,
    StagedContent,
    address,
    digest_in,
    is_artifact,
    is_shared,
    job_folder,
    job_in,
)
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.fixtures.flushes import Flushes

Kind = Literal["memory", "folder"]


JOB = "a" * 26


def _open(kind: Kind, folder: Path) -> ArtifactStore:
    return MemoryArtifacts() if kind == "memory" else artifacts_at((folder / "artifacts").as_uri())


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    """One of the stores, empty."""
    return _open(request.param, tmp_path)


async def _stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _read(store: ArtifactStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(key, start, end)])


async def _put(store: ArtifactStore, content: bytes, suffix: str = ".mp4", job_id: str = JOB) -> str:
    return (await store.commit(await store.stage(_stream(content), job_id), suffix)).key


async def test_committed_content_lies_at_the_address_of_its_hash(store: ArtifactStore) -> None:
    """Staging hashes the content, and commit moves it to the address of that hash."""
    staged = await store.stage(_stream(b"kino", b"log"), JOB)
    artifact = await store.commit(staged, ".mp4")
    assert artifact.sha256 == sha256(b"kinolog").hexdigest()
    assert artifact.key == address(JOB, artifact.sha256, ".mp4")
    assert digest_in(artifact.key) == artifact.sha256
    assert (artifact.size_bytes, artifact.created) == (7, True)
    assert await _read(store, artifact.key) == b"kinolog"


async def test_a_file_can_be_staged(store: ArtifactStore, tmp_path: Path) -> None:
    """A path is stored like a stream of the same bytes, however large."""
    content = bytes(range(256)) * 12_000
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    artifact = await store.commit(await store.stage(file, JOB), ".mp4")
    assert artifact.sha256 == sha256(content).hexdigest()
    assert await _read(store, artifact.key) == content


async def test_staged_content_is_invisible(store: ArtifactStore) -> None:
    """The address is empty before the commit."""
    staged = await store.stage(_stream(b"half"), JOB)
    assert await store.head(address(JOB, staged.sha256, ".mp4")) is None


async def test_storing_twice_has_one_effect(store: ArtifactStore) -> None:
    """The second commit of the same content reports the stored content."""
    first = await store.commit(await store.stage(_stream(b"same"), JOB), ".mp4")
    second = await store.commit(await store.stage(_stream(b"same"), JOB), ".mp4")
    assert (first.created, second.created) == (True, False)
    assert first.key == second.key
    assert await store.sweep(0) == 0, "the second temporary was left behind"


async def test_a_repeated_commit_is_answered(store: ArtifactStore) -> None:
    """Committing the same staged content again, as after a lost answer, succeeds."""
    staged = await store.stage(_stream(b"once"), JOB)
    first = await store.commit(staged, ".mp4")
    again = await store.commit(staged, ".mp4")
    assert (again.key, again.created) == (first.key, False)


async def test_racing_commits_create_once(store: ArtifactStore) -> None:
    """Of many writers of the same content exactly one creates it."""
    staged = [await store.stage(_stream(b"race"), JOB) for _ in range(8)]
    artifacts = await asyncio.gather(*(store.commit(one, ".mp4") for one in staged))
    assert sum(artifact.created for artifact in artifacts) == 1


async def test_commit_without_content_is_refused(store: ArtifactStore) -> None:
    """Discarded content cannot be committed."""
    staged = await store.stage(_stream(b"gone"), JOB)
    await store.discard(staged)
    await store.discard(staged)
    with pytest.raises(ArtifactMissing):
        await store.commit(staged, ".mp4")


async def test_ranges_are_half_open_and_cut_to_the_content(store: ArtifactStore) -> None:
    """A range yields the bytes from start up to, not including, end."""
    key = await _put(store, b"0123456789")
    assert await _read(store, key, 2, 5) == b"234"
    assert await _read(store, key, 7) == b"789"
    assert await _read(store, key, 7, 100) == b"789"
    assert await _read(store, key, 10) == b""
    assert await _read(store, key, 4, 4) == b""


async def test_head_tells_the_size(store: ArtifactStore) -> None:
    """Head returns the size without reading, and None for a missing artifact."""
    key = await _put(store, b"12345")
    stat = await store.head(key)
    assert stat is not None
    assert (stat.key, stat.size_bytes) == (key, 5)
    assert await store.head(address(JOB, "0" * 64, ".mp4")) is None


async def test_deleted_content_is_gone(store: ArtifactStore) -> None:
    """Delete returns whether there was an artifact, and reading it afterwards fails."""
    key = await _put(store, b"secret")
    assert await store.delete(key)
    assert not await store.delete(key)
    assert await store.head(key) is None
    with pytest.raises(ArtifactMissing):
        await _read(store, key)


async def test_the_same_content_of_two_jobs_is_two_files(store: ArtifactStore) -> None:
    """Each job has its own file. Deleting all of one job leaves those of the others, also of one with a longer id."""
    mine, others = await _put(store, b"same"), [await _put(store, b"same", job_id=JOB + "x")]
    more = await _put(store, b"more", suffix=".jpg")
    assert await store.keys_of(JOB) == sorted([mine, more])
    assert await store.delete_all(JOB) == 2
    assert await store.delete_all(JOB) == 0
    assert await store.keys_of(JOB) == []
    assert await store.keys_of(JOB + "x") == others
    assert await _read(store, others[0]) == b"same"
    assert await _read(store, await _put(store, b"again")) == b"again"


async def test_each_tenant_has_a_folder(store: ArtifactStore) -> None:
    """Keys of a job begin with the folder of its tenant. What an earlier version stored without one is found too."""
    ann, bob = job_folder("ann", JOB), job_folder("Bob & sons/../ñ", JOB)
    earlier, mine = await _put(store, b"earlier"), await _put(store, b"mine", job_id=ann)
    others = await _put(store, b"others", job_id=bob)
    assert re.fullmatch(rf"jobs/t-[a-z0-9]{{26}}/{JOB}/[0-9a-f]{{64}}[.]mp4", others)
    assert not {mine.split("/")[1], earlier.split("/")[1]} & {others.split("/")[1]}
    assert is_artifact(mine)
    staged = (await store.stage(_stream(b"staged"), ann)).temporary_key
    assert await store.staged_before(0) == [ann]
    assert [job_in(folder) for folder in (ann, JOB)] == [JOB, JOB]
    assert await store.keys_of(ann) == sorted([earlier, mine, staged])
    assert await store.committed_bytes(f"{files_of('ann')}/") == len(b"mine")
    assert await store.delete_all(ann) == 3
    assert await store.committed_before(0) == [others]


@pytest.mark.parametrize("folder", ["", ".", "..", "a/b", "A" * 65, f"t-{'a' * 26}/..", f"t-{'a' * 26}/"])
async def test_only_ids_of_jobs_name_folders(store: ArtifactStore, folder: str) -> None:
    """What is no folder of a job is refused, so nothing else is listed or deleted."""
    for call in (store.keys_of(folder), store.delete_all(folder)):
        with pytest.raises(ValueError, match="a folder is"):
            await call


def test_files_of_an_earlier_version_may_be_shared() -> None:
    """Keys of an earlier version are recognised, with their hash."""
    digest = sha256(b"x").hexdigest()
    key = f"sha256/{digest[:2]}/{digest[2:]}.mp4"
    assert is_shared(key)
    assert digest_in(key) == digest
    assert not is_shared(address(JOB, digest, ".mp4"))


async def test_sweep_takes_old_temporaries_alone(store: ArtifactStore) -> None:
    """Sweeping removes what an exited writer left, and nothing that is recent or committed."""
    key = await _put(store, b"kept")
    await store.stage(_stream(b"left"), JOB)
    assert await store.sweep(3600) == 0
    assert await store.sweep(0) == 1
    assert await _read(store, key) == b"kept"


@pytest.mark.parametrize(
    "key",
    [
        "../etc/passwd",
        "tmp/abc",
        "sha256/zz/0.mp4",
        "jobs/a/0.mp4",
        "jobs/../" + "0" * 64 + ".mp4",
        "/abs",
        "",
    ],
)
async def test_only_artifact_keys_are_served(store: ArtifactStore, key: str) -> None:
    """An invalid key is refused before the store is read."""
    with pytest.raises(ValueError, match="not an artifact key"):
        await store.head(key)
    with pytest.raises(ValueError, match="not an artifact key"):
        await store.delete(key)
    with pytest.raises(ValueError, match="not an artifact key"):
        await _read(store, key)


async def test_content_is_measured(store: ArtifactStore) -> None:
    """An intact artifact has its size and the hash of its address; a deleted one has none."""
    key = await _put(store, b"true")
    assert await store.measure(key) == ContentFacts(digest_in(key), 4)
    await store.delete(key)
    with pytest.raises(ArtifactMissing):
        await store.measure(key)


DAMAGES = [b"trve", b"tru", b"true!", b""]
"""What damage makes of the content `true`: a flipped bit, a torn end, more at the end, an empty file."""


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damaged_content_is_not_read(store: ArtifactStore, tmp_path: Path, damage: bytes) -> None:
    """No byte of damaged content is yielded, whatever the range, also if it was read before the damage."""
    key = await _put(store, b"true")
    assert await _read(store, key) == b"true"
    _damage(store, tmp_path, key, damage)
    for start, end in ((0, None), (0, 1), (2, 4), (4, None)):
        with pytest.raises(ArtifactDamaged, match=key):
            await anext(store.read(key, start, end))
    assert await store.measure(key) == ContentFacts(sha256(damage).hexdigest(), len(damage))


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_commit_replaces_damaged_content(store: ArtifactStore, tmp_path: Path, damage: bytes) -> None:
    """Content that is stored again heals a damaged artifact, and leaves no temporary behind."""
    key = await _put(store, b"true")
    _damage(store, tmp_path, key, damage)
    again = await store.commit(await store.stage(_stream(b"true"), JOB), ".mp4")
    assert (again.key, again.created) == (key, True)
    assert await _read(store, key) == b"true"
    assert await store.sweep(0) == 0


async def test_a_repeated_commit_of_damaged_content_fails(store: ArtifactStore, tmp_path: Path) -> None:
    """A commit whose staged content is gone does not vouch for damaged content."""
    staged = await store.stage(_stream(b"true"), JOB)
    key = (await store.commit(staged, ".mp4")).key
    _damage(store, tmp_path, key, b"trve")
    with pytest.raises(ArtifactDamaged):
        await store.commit(staged, ".mp4")


def _damage(store: ArtifactStore, tmp_path: Path, key: str, content: bytes) -> None:
    """Change stored content without the store's knowledge."""
    if isinstance(store, MemoryArtifacts):
        store.replace(key, content)
    else:
        (tmp_path / "artifacts" / key).write_bytes(content)


async def test_a_file_that_cannot_be_opened_is_not_called_missing(tmp_path: Path) -> None:
    """An error of the store, here a link that leads to itself, differs from a missing file."""
    store = _open("folder", tmp_path)
    key = await _put(store, b"true")
    path = tmp_path / "artifacts" / key
    path.unlink()
    path.symlink_to(path)
    for call in (store.head(key), store.measure(key), store.delete(key)):
        with pytest.raises(ArtifactsUnavailable, match="symbolic links"):
            await call


@pytest.mark.parametrize("kind", ["memory", "folder"])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    chunks=st.lists(st.binary(max_size=50), max_size=5), start=st.integers(0, 60), length=st.integers(0, 60)
)
async def test_any_range_of_any_content_is_that_slice(
    kind: Kind, tmp_path: Path, chunks: list[bytes], start: int, length: int
) -> None:
    """Reading a range equals slicing the bytes that were staged."""
    store = _open(kind, tmp_path)
    content = b"".join(chunks)
    staged = await store.stage(_stream(*chunks), JOB)
    assert isinstance(staged, StagedContent)
    key = (await store.commit(staged, ".bin")).key
    assert await _read(store, key, start, start + length) == content[start : start + length]


async def test_a_folder_store_keeps_no_empty_folders(tmp_path: Path) -> None:
    """After commits, discards and deletions no folder of a job is left that holds nothing."""
    store = _open("folder", tmp_path)
    await _put(store, b"kept", job_id=JOB)
    await store.discard(await store.stage(_stream(b"dropped"), JOB + "x"))
    await _put(store, b"erased", job_id=JOB + "y")
    await store.delete_all(JOB + "y")
    folders = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_dir()]
    empty = [path.name for path in folders if not any(path.iterdir())]
    assert set(empty) <= {"jobs"}
    assert [path.name for path in folders if path.name.startswith(JOB)] == [JOB]


async def test_a_committed_file_outlasts_a_power_cut(tmp_path: Path, flushes: Flushes) -> None:
    """Content and name are flushed, and so are the folders, which may be as new as the file."""
    folder = tmp_path / "artifacts"
    store = artifacts_at(folder.as_uri())
    made = len(flushes.paths)
    key = await _put(store, b"content")
    (content, *folders) = [path for _, path in flushes.paths[made:]]
    assert content.name not in key
    assert folders == [(folder / key).parent, folder / "jobs", folder]
    assert ("flush", tmp_path) in flushes.paths[:made]
