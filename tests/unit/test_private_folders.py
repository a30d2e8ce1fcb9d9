"""Whatever the umask, folders with data of users belong to their owner alone, and so do files with secrets."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from kinolog_tui.session.preferences import Preferences, PreferenceStore
from kinolog_worker.attempt.scratch_folder import scratch_folder
from kinolog_worker.attempt.scratch_room import ScratchRoom

from kinolog.adapters.obstore.configured_store import artifacts_at
from kinolog.backup.folder import BackupFolder
from kinolog.folder_rights import FolderRights
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.recovery.stopped_stack import StoppedStack
from kinolog_stack.servers.master_key import master_key_env
from kinolog_stack.servers.passwords import load_passwords
from kinolog_stack.settings import StackSettings
from kinolog_stack.signing_certificates import SigningChain
from tests.adapters.memory.alarms import MemoryAlarms
from tests.builders.memory_worker import START

PUBLIC = {"lock", "layout.json", "artifacts.id", ".kinolog-id", ".in-use", "root.pem"}
"""Files without secrets, which other programs of the same machine may read where the folder above lets them."""


@pytest.fixture(params=[0o000, 0o022, 0o077], ids="umask {:03o}".format, autouse=True)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """The umask that kinolog is started with."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """Return folders, and files that may hold secrets, below a folder that others may use."""
    return [
        f"{path.relative_to(folder)} {stat.filemode(path.lstat().st_mode)}"
        for path in folder.rglob("*")
        if path.lstat().st_mode & 0o077 and (path.is_dir() or path.name not in PUBLIC)
    ]


def test_the_folders_of_a_stack_are_private(tmp_path: Path) -> None:
    """Also those within a data folder that the operator made and others may enter."""
    (tmp_path / "data").mkdir(mode=0o755)
    data = DataFolder(tmp_path / "data")
    data.open()
    SigningChain(data.signing_chain).ensure()
    load_passwords(data.passwords, ["postgres"])
    master_key_env(data, {})
    data.close()
    artifacts_at(data.artifacts.as_uri())
    with StoppedStack(StackSettings(data=data.path)) as stopped:
        stopped.move_aside(data.nats)
    assert open_to_others(data.path) == []


def test_a_new_data_folder_is_private(tmp_path: Path) -> None:
    """Also if the passwords are the first to need it."""
    load_passwords(tmp_path / "passwords" / "passwords.json", ["postgres"])
    artifacts_at((tmp_path / "artifacts").as_uri())
    data = DataFolder(tmp_path / "data")
    data.open()
    data.close()
    assert open_to_others(tmp_path) == []


def test_the_folders_of_a_worker_are_private(tmp_path: Path) -> None:
    """They hold unfinished videos, and stay private when a cleaner deleted them, with the folder above."""
    above = tmp_path / "scratch"
    above.mkdir(mode=0o700)
    with scratch_folder(above / "worker-1", "one") as folder:
        room = ScratchRoom(folder, MemoryAlarms(), lambda: START)
        room.needed_bytes = 0
        assert open_to_others(tmp_path) == []
        shutil.rmtree(above)
        assert room.suffices()
        assert folder.is_dir()
        assert open_to_others(tmp_path) == []


def test_the_folders_of_a_backup_are_private(tmp_path: Path) -> None:
    """A backup holds everything that its kinolog holds."""
    folder = BackupFolder(tmp_path / "backup")
    with folder.prepared(), folder.writer("artifacts/jobs/one/video.mp4") as file:
        file.write(b"video")
    assert open_to_others(tmp_path) == []


def test_the_preferences_of_the_dashboard_are_private(tmp_path: Path) -> None:
    """The file may hold an API key."""
    PreferenceStore(tmp_path / "kinolog" / "preferences.json").save(Preferences())
    assert open_to_others(tmp_path) == []


def test_what_another_user_has_put_there_keeps_its_mode(tmp_path: Path) -> None:
    """A link in the place of a folder that was deleted is not followed: what it leads to keeps mode and owner."""
    folder, other = tmp_path / "scratch", tmp_path / "other"
    folder.mkdir(mode=0o700)
    other.mkdir()
    other.chmod(0o750)
    rights = FolderRights(folder)
    folder.rmdir()
    folder.symlink_to(other)
    rights.restore()
    assert stat.S_IMODE(other.stat().st_mode) == 0o750
