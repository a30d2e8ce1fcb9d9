"""The folders that a real broker and a real database use belong to their owner alone."""

from __future__ import annotations

import os
import stat

import pytest

from kinolog_stack.data_folder import DataFolder
from kinolog_stack.recovery.stopped_stack import StoppedStack
from kinolog_stack.stack import Stack
from tests.fixtures.servers import temporary_folder
from tests.fixtures.small_disks import MEBIBYTE, small_disks
from tests.fixtures.small_stack import small_plan, small_settings


@pytest.mark.parametrize("umask", [0o022, 0o077], ids="umask {:03o}".format)
def test_nobody_else_looks_into_the_folders_of_a_stack(umask: int) -> None:
    """Postgres may have a user of its own, which passes through the data folder and cannot list it."""
    before = os.umask(umask)
    try:
        with (
            temporary_folder() as folder,
            Stack(small_settings(folder / "data"), make_plan=small_plan) as stack,
        ):
            assert _open_to_others(stack.folder) == []
    finally:
        os.umask(before)


def test_what_is_on_a_disk_of_its_own_can_be_set_aside() -> None:
    """A restore moves what the disk holds on that disk, and leaves the disk where it is mounted."""
    with temporary_folder() as folder:
        videos = folder / "data" / "artifacts"
        with StoppedStack(small_settings(folder / "data")) as stopped:
            (videos / "jobs").mkdir()
            (videos / "jobs" / "video.mp4").write_bytes(b"video")
            with small_disks({videos: MEBIBYTE}):
                (videos / "lost+found").mkdir()
                stopped.move_aside(videos)
                assert sorted(path.name for path in videos.iterdir()) == ["lost+found", "set-aside"]
                (aside,) = stopped.set_aside
                assert aside.is_relative_to(videos)
                assert (aside / "jobs" / "video.mp4").read_bytes() == b"video"


def test_a_database_behind_a_link_is_replaced_where_it_is() -> None:
    """A real Postgres starts in the folder that the link leads to, beside what was set aside there."""
    with temporary_folder() as folder, StoppedStack(small_settings(folder / "data")) as stopped:
        (folder / "disk").mkdir(mode=0o755)
        stopped.folder.postgres.symlink_to(folder / "disk")
        stopped.postgres.start()
        stopped.postgres.stop()
        stopped.replace_database()
        assert stopped.postgres.answers()
        (aside,) = stopped.set_aside
        assert (aside / "PG_VERSION").exists()
        assert aside.resolve().is_relative_to(folder / "disk")


def _open_to_others(data: DataFolder) -> list[str]:
    """Return the folders that others may list or write, and those within the data folder that they may enter."""
    found = []
    for folder, _, _ in os.walk(data.path):
        status = os.stat(folder)
        allowed = stat.S_IXGRP | stat.S_IXOTH if folder == str(data.path) else 0
        if status.st_mode & 0o077 & ~allowed:
            found.append(f"{folder} {stat.filemode(status.st_mode)}")
    return found
