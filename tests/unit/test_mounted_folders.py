"""A folder is known by the id in it, on whatever disk: nothing is read, written or deleted in the place of its disk."""

from __future__ import annotations

import errno
import logging
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from kinolog import durable_files, mounted_folder
from kinolog.adapters.obstore.artifacts import ObstoreArtifacts
from kinolog.adapters.obstore.configured_store import artifacts_at
from kinolog.durable_files import claim_durably
from kinolog.mounted_folder import MARK, Mount, MountedFolder, how_to_take, note_of
from kinolog.ports.artifacts import ArtifactMissing, ArtifactsUnavailable, StoredArtifact
from tests.fixtures.mounted_disks import MountPoint


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MountPoint:
    """A mount point with a disk."""
    made = MountPoint(tmp_path / "videos", monkeypatch)
    made.mount(tmp_path / "disk", 1)
    return made


async def _stored(store: ObstoreArtifacts, tmp_path: Path, job_id: str) -> StoredArtifact:
    content = tmp_path / "content"
    content.write_bytes(job_id.encode())
    return await store.commit(await store.stage(content, job_id), ".mp4")


@pytest.mark.parametrize("leave", [True, False], ids=["with its mount point", "without it"])
async def test_nothing_is_stored_where_a_disk_was(videos: MountPoint, tmp_path: Path, leave: bool) -> None:
    """The store is unavailable while its disk is away, and goes on when it is back, also under another number."""
    store = artifacts_at(videos.path.as_uri())
    first = await _stored(store, tmp_path, "first")
    staged = await store.stage(tmp_path / "content", "second")
    videos.unmount(leave=leave)
    with pytest.raises(ArtifactsUnavailable, match="its disk is not mounted"):
        await store.stage(tmp_path / "content", "third")
    with pytest.raises(ArtifactsUnavailable, match="its disk is not mounted"):
        await store.commit(staged, ".mp4")
    assert not videos.path.exists() or not list(videos.path.iterdir())
    videos.mount(tmp_path / "disk", 2)
    second = await store.commit(staged, ".mp4")
    assert (videos.path / first.key).exists()
    assert (videos.path / second.key).exists()


async def test_a_disk_without_videos_is_known_again(videos: MountPoint, tmp_path: Path) -> None:
    """A store that was mounted empty serves again when it is back under another number."""
    store = artifacts_at(videos.path.as_uri())
    videos.unmount()
    with pytest.raises(ArtifactsUnavailable):
        await _stored(store, tmp_path, "first")
    videos.mount(tmp_path / "disk", 2)
    assert await store.head((await _stored(store, tmp_path, "first")).key) is not None


@pytest.mark.parametrize("away", [True, False], ids=["away", "replaced"])
async def test_a_file_on_a_disk_that_is_away_is_not_missing(
    videos: MountPoint, tmp_path: Path, away: bool
) -> None:
    """Neither a reader nor an erasure takes the files for deleted: both try again when the disk is back."""
    store = artifacts_at(videos.path.as_uri())
    key = (await _stored(store, tmp_path, "first")).key
    videos.unmount()
    if not away:
        videos.mount(tmp_path / "other", 2)
    with pytest.raises(ArtifactsUnavailable):
        await store.head(key)
    with pytest.raises(ArtifactsUnavailable):
        await store.measure(key)
    with pytest.raises(ArtifactsUnavailable):
        await anext(store.read(key))
    with pytest.raises(ArtifactsUnavailable):
        await store.delete(key)
    with pytest.raises(ArtifactsUnavailable):
        await store.keys_of("first")
    with pytest.raises(ArtifactsUnavailable):
        await store.delete_all("first")
    with pytest.raises(ArtifactsUnavailable):
        await store.sweep(0)
    if not away:
        videos.unmount()
    videos.mount(tmp_path / "disk", 3)
    assert await store.delete_all("first") == 1
    with pytest.raises(ArtifactMissing):
        await store.measure(key)


@pytest.mark.parametrize("number", [1, 2], ids=["under its number", "under another number"])
@pytest.mark.parametrize("holds", ["", "lost+found", MARK], ids=["empty", "with files", "of another kinolog"])
async def test_another_disk_is_not_taken_for_the_one_that_was_there(
    videos: MountPoint, tmp_path: Path, holds: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What to do is said, and done with one command: the other disk is served then, also by those that ran on."""
    store, folder = artifacts_at(videos.path.as_uri()), MountedFolder(videos.path)
    await _stored(store, tmp_path, "first")
    videos.unmount()
    (tmp_path / "other").mkdir()
    if holds:
        (tmp_path / "other" / holds).write_text(f"{'a' * 32}\n")
    videos.mount(tmp_path / "other", number)
    if number == 1:  # the file system has another number than the one that is gone
        _number_file_systems(videos, monkeypatch)
    with pytest.raises(ArtifactsUnavailable, match="another disk is mounted in the place of its own"):
        await _stored(store, tmp_path, "second")
    assert (folder.state(), MountedFolder(videos.path).state()) == (Mount.REPLACED, Mount.REPLACED)
    assert [path.name for path in videos.path.iterdir()] == [holds][: bool(holds)]
    _do(how_to_take(videos.path).rpartition("run: ")[2])
    assert folder.state() is Mount.MOUNTED
    assert (videos.path / (await _stored(store, tmp_path, "second")).key).exists()


def test_a_process_that_starts_knows_what_belongs_there(videos: MountPoint, tmp_path: Path) -> None:
    """One that starts while the disk is away waits for it, and writes nothing into the mount point."""
    MountedFolder(videos.path)
    videos.unmount()
    started = MountedFolder(videos.path)
    assert started.state() is Mount.AWAY
    assert list(videos.path.iterdir()) == []
    videos.mount(tmp_path / "disk", 2)
    assert started.state() is Mount.MOUNTED


def test_files_that_move_to_another_disk_are_the_same_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder becomes a mount point: copied with the id, it is served, and has a disk of its own from then on."""
    videos = MountPoint(tmp_path / "videos", monkeypatch)
    folder = MountedFolder(videos.path)
    shutil.copytree(videos.path, tmp_path / "disk")
    shutil.rmtree(videos.path)
    videos.mount(tmp_path / "disk", 1)
    assert folder.state() is Mount.MOUNTED
    videos.unmount(leave=False)
    videos.path.mkdir()
    assert (folder.state(), MountedFolder(videos.path).state()) == (Mount.AWAY, Mount.AWAY)


def test_a_mount_point_with_an_older_store_is_not_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the disk there may be files of a time before it, with an id of their own."""
    videos = MountPoint(tmp_path / "videos", monkeypatch)
    MountedFolder(videos.path)
    note_of(videos.path).unlink()
    videos.mount(tmp_path / "disk", 1)
    folder = MountedFolder(videos.path)
    videos.unmount()
    assert folder.state() is Mount.AWAY


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("what", ["folder", "content", "id"])
def test_what_was_deleted_on_its_disk_is_made_again(tmp_path: Path, what: str, restarted: bool) -> None:
    """Whoever deletes the videos, or a part of them, stops no job; a damaged id counts as deleted."""
    path = tmp_path / "videos"
    path.mkdir()
    folder = MountedFolder(path)
    known = (path / MARK).read_text()
    if what == "id":
        (path / MARK).write_bytes(b"\xff\n")
    else:
        shutil.rmtree(path)
        if what == "content":
            path.mkdir()
    if restarted:
        folder = MountedFolder(path)
    assert folder.state() is Mount.MOUNTED
    assert (path / MARK).read_text() == known


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o2770])
@pytest.mark.parametrize("started", [True, False])
async def test_a_store_that_was_deleted_has_its_mode_again(
    videos: MountPoint, tmp_path: Path, mode: int, started: bool
) -> None:
    """It is private when it is new; later the mode is what it was last, whichever process makes the folder again."""
    path = videos.path / "kinolog" / "videos"
    store = artifacts_at(path.as_uri())
    assert path.stat().st_mode & 0o7777 == 0o700
    await _stored(store, tmp_path, "first")
    path.chmod(mode)
    path.parent.chmod(0o711)
    await _stored(store, tmp_path, "second")
    shutil.rmtree(path.parent)
    if started:  # another process is quicker
        artifacts_at(path.as_uri())
    stored = await _stored(store, tmp_path, "third")
    assert (path / stored.key).exists()
    assert path.stat().st_mode & 0o7777 == mode
    assert started or path.parent.stat().st_mode & 0o7777 == 0o711


def test_a_folder_that_cannot_be_written_needs_no_id(
    videos: MountPoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that only reads goes by the number of the disk until another one has given the folder its id."""
    videos.path.joinpath("video").touch()
    monkeypatch.setattr(mounted_folder, "claim_durably", _refuse)
    folder = MountedFolder(videos.path)
    assert folder.state() is Mount.MOUNTED
    videos.unmount()
    assert folder.state() is Mount.AWAY
    videos.mount(tmp_path / "disk", 2)
    assert folder.state() is Mount.MOUNTED
    monkeypatch.setattr(mounted_folder, "claim_durably", claim_durably)
    MountedFolder(videos.path)
    assert folder.state() is Mount.MOUNTED
    videos.unmount()
    assert folder.state() is Mount.AWAY


def test_a_folder_that_was_never_there_is_on_the_disk_of_its_parent(videos: MountPoint) -> None:
    """A folder that another program will make is not away."""
    folder = MountedFolder(videos.path / "artifacts")
    assert folder.state() is Mount.MOUNTED
    (videos.path / "artifacts").mkdir()
    assert folder.state() is Mount.MOUNTED
    videos.unmount()
    assert folder.state() is Mount.AWAY


def _refuse(path: Path, text: str, *, mode: int) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def _do(command: str) -> None:
    subprocess.run(shlex.split(command), check=True)


def _number_file_systems(videos: MountPoint, monkeypatch: pytest.MonkeyPatch) -> None:
    statvfs = os.statvfs

    def numbered(path: Path) -> os.statvfs_result:
        found = statvfs(path)
        if not Path(path).is_relative_to(videos.path):
            return found
        return os.statvfs_result((*found[:10], found.f_fsid + 1))

    monkeypatch.setattr(os, "statvfs", numbered)


def test_processes_agree_on_a_store_that_was_emptied_where_no_note_is_kept(tmp_path: Path) -> None:
    """In a container nothing may be written beside the folder. The first process that starts gives it a new id."""
    path = tmp_path / "videos"
    path.mkdir()
    running = MountedFolder(path)
    (path / MARK).unlink()
    note_of(path).unlink()
    started = MountedFolder(path)
    note_of(path).unlink()
    assert (started.state(), running.state()) == (Mount.MOUNTED, Mount.MOUNTED)


@pytest.mark.parametrize("links", [True, False], ids=["with links", "without links"])
def test_hosts_that_start_at_once_agree_on_the_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """The second gives the folder its id between the look of the first one and its write, and no lock is held."""
    path = tmp_path / "videos"
    path.mkdir()
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    others: list[MountedFolder] = []

    def interrupted(mark: Path, text: str, *, mode: int) -> None:
        monkeypatch.setattr(mounted_folder, "claim_durably", claim_durably)
        others.append(MountedFolder(path))
        claim_durably(mark, text, mode=mode)

    monkeypatch.setattr(durable_files, "lock_open_file", lambda handle, kind: None)
    monkeypatch.setattr(mounted_folder, "claim_durably", interrupted)
    first = MountedFolder(path)
    known = (path / MARK).read_text()
    assert [folder.state() for folder in (first, *others)] == [Mount.MOUNTED] * 2
    assert ((path / MARK).read_text(), note_of(path).read_text()) == (known, known)
    assert [entry.name for entry in path.iterdir()] == [MARK]


def _no_links(source: Path, target: Path, *, follow_symlinks: bool) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(source))


@pytest.mark.parametrize("older", [True, False], ids=["with an older store", "empty"])
def test_a_process_that_started_on_the_mount_point_takes_the_disk_that_comes(
    videos: MountPoint, tmp_path: Path, older: bool
) -> None:
    """Where no note can be kept it needs no restart, and knows the disk from then on."""
    note = note_of(videos.path)
    MountedFolder(videos.path)
    videos.unmount()
    note.unlink()
    note.with_name(f"{note.name}.new").mkdir()  # no note can be written
    if older:
        (videos.path / MARK).write_text(f"{'a' * 32}\n")
    started = MountedFolder(videos.path)
    assert started.state() is Mount.MOUNTED
    videos.mount(tmp_path / "disk", 2)
    assert started.state() is Mount.MOUNTED
    videos.unmount()
    assert started.state() is Mount.AWAY


@pytest.mark.parametrize("replaced", [True, False])
async def test_a_store_that_is_away_is_logged_once_for_each_call(
    videos: MountPoint, tmp_path: Path, replaced: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """With what to do, if another disk is in its place."""
    store = artifacts_at(videos.path.as_uri())
    videos.unmount()
    if replaced:
        videos.mount(tmp_path / "other", 2)
    with caplog.at_level(logging.WARNING), pytest.raises(ArtifactsUnavailable):
        await store.keys_of("first")
    (line,) = caplog.messages
    assert ("and then run: cp" in line) == replaced
