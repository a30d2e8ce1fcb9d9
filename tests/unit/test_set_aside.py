"""What a restore replaces is renamed on its own disk: nothing is copied, and other disks keep their room."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kinolog.mounted_folder import SET_ASIDE, holds_data
from kinolog_stack.errors import StartError
from kinolog_stack.recovery.set_aside import SetAside
from kinolog_stack.recovery.stopped_stack import StoppedStack
from kinolog_stack.servers.new_cluster import make_cluster
from kinolog_stack.settings import StackSettings


class Disks:
    """Folders that are disks of their own: nothing is renamed from one to another, nor is the root of one renamed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.roots: set[Path] = set()
        rename = os.rename

        def rename_within_a_disk(source: Path, target: Path) -> None:
            if Path(source) in self.roots:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(source))
            if self._root(Path(source)) != self._root(Path(target)):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source))
            rename(source, target)

        monkeypatch.setattr(os, "rename", rename_within_a_disk)
        monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) in self.roots)

    def _root(self, path: Path) -> Path | None:
        folder = path.parent.resolve()
        return next((above for above in (folder, *folder.parents) if above in self.roots), None)


@pytest.fixture
def disks(monkeypatch: pytest.MonkeyPatch) -> Disks:
    """No disk of its own yet."""
    return Disks(monkeypatch)


def _filled(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def _moved(data: Path, path: Path, name: str = "") -> list[Path]:
    aside = SetAside(data)
    aside.move(path, name)
    return aside.places


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_of_the_data_folder_goes_to_its_set_aside(tmp_path: Path) -> None:
    """Each time under a name of its own."""
    aside = SetAside(tmp_path)
    for name in ("first", "second"):
        aside.move(_filled(tmp_path / "nats", name))
    assert [_files(place) for place in aside.places] == [["first"], ["second"]]
    assert {place.parent.parent for place in aside.places} == {tmp_path / SET_ASIDE}
    assert not (tmp_path / "nats").exists()


@pytest.mark.parametrize("how", ["a disk", "a link to a disk", "a link", "not on the disk of set-aside"])
def test_what_is_elsewhere_stays_on_its_disk(tmp_path: Path, disks: Disks, how: str) -> None:
    """The folder stays where the operator has put it, and counts as empty."""
    data, folder, disk = tmp_path / "data", tmp_path / "data" / "artifacts", tmp_path / "big"
    data.mkdir()
    if how == "a disk":
        disks.roots.add(folder)
    elif how.startswith("a link"):
        disk.mkdir()
        folder.symlink_to(disk)
        disks.roots |= {disk} if how == "a link to a disk" else set()
    else:
        disks.roots.add(data / SET_ASIDE)
    _filled(folder, "jobs/one/video.mp4", ".kinolog-id", "lost+found/fragment")
    (place,) = _moved(data, folder)
    assert place.parent.parent == folder / SET_ASIDE
    assert "jobs/one/video.mp4" in _files(place)
    assert (folder / "lost+found" / "fragment").exists()
    assert not holds_data(folder)
    assert folder.is_symlink() == how.startswith("a link")
    _filled(folder, "jobs/two/video.mp4")
    (second,) = _moved(data, folder)
    assert (_files(second), "jobs/one/video.mp4" in _files(place)) == (["jobs/two/video.mp4"], True)


def test_a_stream_goes_to_the_root_of_the_log_that_is_elsewhere(tmp_path: Path, disks: Disks) -> None:
    """nats-server reads what is beside a stream; what is beside `jetstream/` it leaves alone."""
    nats = tmp_path / "data" / "nats"
    stream = _filled(nats / "jetstream" / "K" / "streams" / "EVENTS", "msgs/1.blk")
    disks.roots.add(nats)
    (place,) = _moved(tmp_path / "data", stream, "EVENTS")
    assert place.parent.parent == nats / SET_ASIDE
    assert _files(place) == ["msgs/1.blk"]
    assert not stream.exists()


def test_a_disk_within_a_folder_keeps_what_it_holds(tmp_path: Path, disks: Disks) -> None:
    """What is on the disk is set aside on it, the rest of the folder in the folder."""
    nats = _filled(tmp_path / "nats", "jetstream/1.blk", "conf")
    disks.roots |= {nats, nats / "jetstream"}
    places = _moved(tmp_path, nats)
    assert [place.parent.parent for place in places] == [nats / SET_ASIDE, nats / "jetstream" / SET_ASIDE]
    assert [_files(place) for place in places] == [["conf"], ["1.blk"]]


def test_an_error_of_the_disk_says_what_was_not_moved(tmp_path: Path) -> None:
    """A restore ends with a sentence, and can be run again."""
    with StoppedStack(StackSettings(data=tmp_path / "data")) as stopped:
        _filled(stopped.folder.path, SET_ASIDE)
        with pytest.raises(StartError, match=r"nats cannot be set aside: File exists\.\nRemove the cause"):
            stopped.move_aside(stopped.folder.nats)


class InterruptedInitdb:
    """Makes the files of a cluster; the machine goes down while the first of two is made."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, folder: Path) -> None:
        assert list(folder.iterdir()) == []
        self.calls += 1
        _filled(folder, "PG_VERSION", "global/pg_control", "base/1/1")
        if self.calls == 1:
            raise OSError(errno.EIO, "down")


@pytest.mark.parametrize("place", ["missing", "empty", "disk", "link"])
def test_a_cluster_is_made_where_its_folder_is(tmp_path: Path, disks: Disks, place: str) -> None:
    """Whole or not at all, also on a disk or behind a link, beside what was set aside there."""
    folder = tmp_path / "postgres"
    if place == "link":
        (tmp_path / "disk").mkdir()
        folder.symlink_to(tmp_path / "disk")
    elif place != "missing":
        folder.mkdir()
    if place in ("disk", "link"):
        _filled(folder, f"{SET_ASIDE}/1/postgres/PG_VERSION", "lost+found/fragment")
        disks.roots |= {folder} if place == "disk" else set()
    initdb = InterruptedInitdb()
    with pytest.raises(OSError, match="down"):
        make_cluster(folder, initdb)
    assert not (folder / "PG_VERSION").exists()
    make_cluster(folder, initdb)
    own = [name for name in _files(folder) if not name.startswith((SET_ASIDE, "lost+found"))]
    assert own == ["PG_VERSION", "base/1/1", "global/pg_control"]
    assert (folder.stat().st_mode & 0o777, folder.is_symlink()) == (0o700, place == "link")
    assert not list(folder.glob("initdb.*"))


def test_a_cluster_whose_move_was_interrupted_is_made_whole(tmp_path: Path, disks: Disks) -> None:
    """The file that makes a folder a cluster is moved last."""
    folder = tmp_path / "postgres"
    disks.roots.add(folder)
    _filled(folder, "base/1/1", "initdb.finished/global/pg_control", "initdb.finished/PG_VERSION")
    make_cluster(folder, InterruptedInitdb())
    assert _files(folder) == ["PG_VERSION", "base/1/1", "global/pg_control"]


def test_a_damaged_cluster_is_not_written_over(tmp_path: Path, disks: Disks) -> None:
    """A folder that lost its version is no place for a new cluster."""
    folder = _filled(tmp_path / "postgres", "base/1/1")
    disks.roots.add(folder)
    with pytest.raises(StartError, match="not a Postgres folder"):
        make_cluster(folder, InterruptedInitdb())
