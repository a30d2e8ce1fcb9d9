"""The watch of the disks: when it raises and clears alarms, and when it starts nats-server again."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kinolog.mounted_folder import Mount
from kinolog.ports.alarms import AlarmSeverity
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.disks.disk_space import Disk, StoredPart, check_room, disks_of, stored_parts
from kinolog_stack.disks.disk_watch import RESTART_BYTES, DiskWatch
from kinolog_stack.errors import StartError
from tests.fixtures.flushes import failing_flushes

RESERVE = 100 << 20
LOG = StoredPart("log", "the event log", Path("/log"))
DATABASE = StoredPart("database", "the database", Path("/database"))
WRITE_ERROR = "JetStream stream '$G > EVENTS' write error: write /log/1.blk: no space left on device"


@dataclass
class WatchedDisks:
    """Two disks whose room the test sets, a log that may refuse writes, and what the watch does about it."""

    free: dict[str, int] = field(default_factory=lambda: {"log": RESERVE, "database": RESERVE})
    write_error: str = ""
    alarms: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    restarts: int = 0
    seconds: float = 1000.0
    mounts: dict[StoredPart, Mount] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.watch = DiskWatch(
            lambda: [Disk((part,), self.free[part.slug]) for part in (LOG, DATABASE)],
            lambda: self.write_error,
            self.restart,
            self,
            RESERVE,
            lambda: self.seconds,
            lambda: self.mounts,
        )

    def restart(self) -> None:
        """Count a restart of nats-server."""
        self.restarts += 1

    def raise_alarm(self, name: str, severity: AlarmSeverity, text: str, details: str = "") -> None:
        """Note an alarm."""
        assert severity is AlarmSeverity.REFUSE_WRITES
        self.details[name] = details
        self.alarms[name] = text

    def clear(self, name: str) -> None:
        """Forget an alarm."""
        del self.alarms[name]

    def look(self, seconds: float = 1.0) -> set[str]:
        """Let the watch look, so many seconds later. Return the alarms that stand."""
        self.seconds += seconds
        self.watch.look()
        return set(self.alarms)


def test_a_disk_below_its_reserve_refuses_jobs() -> None:
    """Each disk has an alarm of its own, which says what to do, and is cleared only with some room to spare."""
    disks = WatchedDisks()
    assert disks.look() == set()
    disks.free["database"] = RESERVE - 1
    assert disks.look() == {"storage-full-database"}
    assert "the database" in disks.alarms["storage-full-database"]
    assert "make room" in disks.alarms["storage-full-database"]
    disks.free["log"] = 0
    assert disks.look() == {"storage-full-database", "storage-full-log"}
    disks.free["database"] = disks.free["log"] = RESERVE
    assert disks.look() == {"storage-full-database", "storage-full-log"}
    assert "until it has 125 MiB" in disks.alarms["storage-full-log"]
    disks.free["database"] = disks.free["log"] = 2 * RESERVE
    assert disks.look() == set()
    assert disks.restarts == 0


def test_a_disk_that_is_not_mounted_refuses_jobs() -> None:
    """Its alarm says what to do and ends with the mount; an alarm for lack of room outlives it."""
    disks = WatchedDisks()
    disks.mounts = {DATABASE: Mount.AWAY}
    assert disks.look() == {"storage-full-database"}
    assert "The disk with the database is not mounted. Mount it" in disks.alarms["storage-full-database"]
    disks.mounts = {DATABASE: Mount.MOUNTED}
    assert disks.look() == set()
    disks.free["database"], disks.mounts = 0, {DATABASE: Mount.AWAY}
    assert disks.look() == {"storage-full-database"}
    disks.mounts = {DATABASE: Mount.MOUNTED}
    assert disks.look() == {"storage-full-database"}
    disks.look()
    assert "make room" in disks.alarms["storage-full-database"]


def test_another_disk_in_the_place_of_a_disk_refuses_jobs() -> None:
    """Its alarm says to mount the old one; only operators read the folder, and how to go on with the new one."""
    disks = WatchedDisks()
    disks.mounts = {DATABASE: Mount.REPLACED}
    assert disks.look() == {"storage-full-database"}
    text, details = disks.alarms["storage-full-database"], disks.details["storage-full-database"]
    assert "Another disk is mounted in the place of the one with the database. Mount that one" in text
    assert "/database" not in text
    assert details.endswith("cp /database.id /database/.kinolog-id")
    disks.mounts = {DATABASE: Mount.AWAY}
    disks.look()
    assert "is not mounted. Mount it" in disks.alarms["storage-full-database"]
    assert not disks.details["storage-full-database"]
    disks.mounts = {DATABASE: Mount.MOUNTED}
    assert disks.look() == set()


def test_a_log_that_gave_up_is_started_again_when_there_is_room() -> None:
    """nats-server is started again once, as soon as its disk has room, and its alarm stands until it writes again."""
    disks = WatchedDisks()
    disks.free["log"], disks.write_error = 0, WRITE_ERROR
    for _ in range(30):
        assert disks.look() == {"storage-full-log"}
    assert disks.restarts == 0
    disks.free["log"] = RESTART_BYTES
    assert disks.look() == {"storage-full-log"}
    assert disks.restarts == 1
    disks.free["log"] = 2 * RESERVE
    assert disks.look() == {"storage-full-log"}
    assert "/log" not in disks.alarms["storage-full-log"]
    disks.write_error = ""
    assert disks.look() == set()
    assert disks.restarts == 1


def test_a_log_that_writes_again_needs_no_room_to_spare() -> None:
    """A disk that always had its reserve refuses jobs no longer than its log cannot be written."""
    disks = WatchedDisks(write_error=WRITE_ERROR)
    assert disks.look() == {"storage-full-log"}
    disks.write_error = ""
    assert disks.look() == set()


def test_restarts_that_do_not_help_become_rare() -> None:
    """A log that still cannot be written is started again after 10, 20, 40 … seconds."""
    disks = WatchedDisks(write_error=WRITE_ERROR)
    for _ in range(100):
        disks.look(seconds=1.0)
    assert disks.restarts == 4
    disks.write_error = ""
    disks.look(seconds=300.0)
    disks.write_error = WRITE_ERROR
    disks.look()
    assert disks.restarts == 5


def test_parts_on_one_file_system_are_one_disk(tmp_path: Path) -> None:
    """Folders of the same file system share a disk, also before they exist."""
    (disk,) = disks_of(stored_parts(DataFolder(tmp_path / "data")))
    assert disk.slug == "log"
    assert disk.text == "the event log, the database, the videos and the workers' temporary files"


def test_a_folder_that_may_not_be_looked_into_has_the_disk_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data folder behind a closed one is no error here: opening it names the folder and says what to do."""
    closed, stat = tmp_path / "closed", os.stat

    def refusing(path: Any, **options: Any) -> os.stat_result:
        if closed in Path(path).parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refusing)
    (disk,) = disks_of(stored_parts(DataFolder(closed / "data")))
    assert len(disk.parts) == 4


def test_a_start_on_a_full_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack does not start on a full disk; the error names the disk, the room and what to do."""
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=5 << 20))
    with pytest.raises(StartError, match=r"is full: 5 MiB are free, and kinolog needs 64 MiB") as refused:
        check_room(DataFolder(tmp_path / "data"), RESERVE)
    assert "Make room" in refused.value.remedy
    check_room(DataFolder(tmp_path / "data"), 1 << 20)


def test_a_new_folder_on_a_full_disk_can_be_used_later(tmp_path: Path) -> None:
    """A disk that is full when a data folder is made leaves no half-written layout.json behind."""
    folder = DataFolder(tmp_path / "data")

    with failing_flushes(), pytest.raises(StartError, match="is full"):
        folder.open()
    folder.open()
    folder.close()
