"""Folders that belong to one process each: which of them count as dead."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from kinolog.process_folders import LOCK, dead_folders, mark_in_use


def test_a_folder_is_dead_when_its_lock_is_given_back(tmp_path: Path) -> None:
    """A folder in use is left out, as is one that no process has marked."""
    (tmp_path / "unmarked").mkdir()
    folder = tmp_path / "marked"
    folder.mkdir()
    lock = mark_in_use(folder)
    assert list(dead_folders(tmp_path.iterdir())) == []
    os.close(lock)
    assert list(dead_folders(tmp_path.iterdir())) == [folder]


def test_a_dead_folder_is_locked_for_the_one_that_removes_it(tmp_path: Path) -> None:
    """Of two processes that start at the same time, one removes the folder, and the lock leaves with the look at it."""
    (tmp_path / LOCK).touch()
    found = dead_folders([tmp_path])
    assert next(found) == tmp_path
    assert list(dead_folders([tmp_path])) == []
    assert list(found) == []
    assert list(dead_folders([tmp_path])) == [tmp_path]


def test_a_folder_that_cannot_be_locked_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without locks on its file system the caller gets the error, and no process takes the folder for dead."""

    def refuse(*_: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(OSError, match="no locks here"):
        mark_in_use(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/dev/fd")) == before
