"""A disk that is not mounted is told from a folder that was deleted, and nothing is written in its place."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kinolog.adapters.obstore.artifacts import artifacts_at
from kinolog.mounted_folder import MountedFolder
from kinolog.ports.artifacts import ArtifactsUnavailable


class MountedDisk:
    """A folder on a disk of its own, which can be away. `number` is that of its disk."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "videos"
        self.folder.mkdir()
        self._kept = tmp_path / "kept"
        self.number = 1

    def unmount(self, *, leave: bool = True) -> None:
        """Take the disk away, with or without its mount point."""
        self.folder.rename(self._kept)
        if leave:
            self.folder.mkdir()

    def mount(self) -> None:
        """Bring the disk back."""
        if self.folder.exists():
            self.folder.rmdir()
        self._kept.rename(self.folder)

    def status(self, path: Path, follow_symlinks: bool) -> os.stat_result:
        """Return the status of a file, with the number of its disk."""
        found = os.stat(path, follow_symlinks=follow_symlinks)
        number = self.number if path.is_relative_to(self.folder) and not self._kept.exists() else 0
        return os.stat_result((*found[:2], number, *found[3:10]))


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MountedDisk:
    """A mounted disk."""
    made = MountedDisk(tmp_path)

    def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        return made.status(path, follow_symlinks)

    monkeypatch.setattr(Path, "stat", stat)
    return made


@pytest.mark.parametrize("leave", [True, False], ids=["with its mount point", "without it"])
async def test_nothing_is_stored_where_a_disk_was(disk: MountedDisk, tmp_path: Path, leave: bool) -> None:
    """The store is unavailable while its disk is away, and goes on when it is back, also under another number."""
    store = artifacts_at(disk.folder.as_uri())
    content = tmp_path / "content"
    content.write_bytes(b"a video")
    first = await store.commit(await store.stage(content, "first"), ".mp4")
    staged = await store.stage(content, "second")
    disk.unmount(leave=leave)
    with pytest.raises(ArtifactsUnavailable, match="its disk is not mounted"):
        await store.stage(content, "third")
    with pytest.raises(ArtifactsUnavailable, match="its disk is not mounted"):
        await store.commit(staged, ".mp4")
    assert not disk.folder.exists() or not list(disk.folder.iterdir())
    disk.mount()
    disk.number = 2
    second = await store.commit(staged, ".mp4")
    assert (disk.folder / first.key).exists()
    assert (disk.folder / second.key).exists()


async def test_a_store_that_was_deleted_on_its_disk_is_made_again(disk: MountedDisk, tmp_path: Path) -> None:
    """Whoever deletes the videos stops no job."""
    store = artifacts_at((disk.folder / "videos").as_uri())
    content = tmp_path / "content"
    content.write_bytes(b"a video")
    shutil.rmtree(disk.folder / "videos")
    stored = await store.commit(await store.stage(content, "first"), ".mp4")
    assert (disk.folder / "videos" / stored.key).exists()


def test_a_folder_that_is_missing_is_on_the_disk_of_its_parent(disk: MountedDisk) -> None:
    """An empty folder on its own disk is not away, nor is one that was deleted there."""
    folder = MountedFolder(disk.folder / "artifacts")
    assert not folder.is_away()
    (disk.folder / "artifacts").mkdir()
    assert not folder.is_away()
    disk.unmount()
    assert folder.is_away()
