"""Files that outlast a power cut: what is flushed, and in which order."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from kinolog import durable_files
from kinolog.backup.folder import BackupFolder
from kinolog.backup.manifest import UnusableBackup
from kinolog.durable_files import create_durably, make_folder, rename_durably, write_durably
from kinolog_client.partial_file import partial_file
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.servers.master_key import master_key_env
from kinolog_stack.servers.passwords import load_passwords
from kinolog_stack.signing_certificates import SigningChain
from tests.fixtures.flushes import Flushes, failing_flushes


def test_a_written_file_has_its_name_after_its_content(tmp_path: Path, flushes: Flushes) -> None:
    """The content is flushed, then the name is given, then the folder is flushed."""
    path = tmp_path / "key"
    write_durably(path, "secret\n")
    assert flushes.order == ["flush key.new", "rename key.new to key", f"flush {tmp_path.name}"]
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("secret\n", 0o600)


def test_a_new_folder_is_flushed_into_those_above_it(tmp_path: Path, flushes: Flushes) -> None:
    """Each new folder is an entry of the one above. A folder that is there costs nothing."""
    make_folder(tmp_path / "a" / "b", mode=0o700)
    assert flushes.order == [f"flush {tmp_path.name}", "flush a"]
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    make_folder(tmp_path / "a" / "b")
    assert len(flushes.order) == 2


def test_both_folders_of_a_rename_are_flushed(tmp_path: Path, flushes: Flushes) -> None:
    """Otherwise a power cut could leave the file in both, or in none."""
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "from" / "file").touch()
    rename_durably(tmp_path / "from" / "file", tmp_path / "to" / "file")
    assert flushes.order == ["rename file to file", "flush to", "flush from"]


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    """On a full disk the old text stays, and no part of the new one is left."""
    path = tmp_path / "key"
    write_durably(path, "old")
    with failing_flushes(), pytest.raises(OSError, match="No space left"):
        write_durably(path, "new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("key", "old")]


def test_a_file_that_is_there_is_not_created_again(tmp_path: Path) -> None:
    """Whoever comes second keeps the file of the first, also where it is a link to what is away."""
    path = tmp_path / "key"
    create_durably(path, "first")
    with pytest.raises(FileExistsError):
        create_durably(path, "second")
    assert path.read_text() == "first"
    (tmp_path / "link").symlink_to(tmp_path / "away")
    with pytest.raises(FileExistsError):
        create_durably(tmp_path / "link", "second")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EACCES])
def test_a_file_system_that_flushes_no_folders_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Some network shares refuse it; an error of the disk is raised."""
    refused = [number]

    def refuse(path: Path) -> None:
        raise OSError(refused[0], os.strerror(refused[0]))

    monkeypatch.setattr(durable_files, "flush_file", refuse)
    write_durably(tmp_path / "key", "text")
    refused[0] = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        write_durably(tmp_path / "key", "text")


def test_the_files_of_a_data_folder_are_durable(tmp_path: Path, flushes: Flushes) -> None:
    """Everything stored later relies on what a first start makes: a power cut neither loses nor empties it."""
    folder = DataFolder(tmp_path / "data")
    folder.open()
    load_passwords(folder.passwords, ["postgres"])
    master_key_env(folder, {})
    SigningChain(folder.signing_chain).ensure()
    folder.close()
    files = [path for path in folder.path.rglob("*") if path.is_file() and path.name != "lock"]
    assert len(files) == 8
    for file in files:
        renamed = flushes.paths.index(("rename", file))
        assert ("flush", file.with_name(f"{file.name}.new")) in flushes.paths[:renamed]
        assert ("flush", file.parent) in flushes.paths[renamed:]
    folders = [path for path in folder.path.rglob("*") if path.is_dir()]
    assert {path.name for path in folders} >= {"artifacts", "nats", "secrets", "c2pa"}
    assert {path.parent for path in [folder.path, *folders]} <= {path for _, path in flushes.paths}


def test_a_download_is_flushed_before_it_has_its_name(tmp_path: Path, flushes: Flushes) -> None:
    """A power cut leaves the old file or the new one, not an empty one."""
    with partial_file(tmp_path / "film.mp4", durable=True) as file:
        file.write(b"film")
    (flushed, renamed) = flushes.paths
    assert (flushed[0], flushed[1].suffix, renamed) == ("flush", ".part", ("rename", tmp_path / "film.mp4"))


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_without_locks_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Master key, passwords and certificates are made there, and a backup is. Another error is not hidden."""
    answer = [number]

    def refuse(handle: int, kind: int) -> None:
        raise OSError(answer[0], os.strerror(answer[0]))

    monkeypatch.setattr(fcntl, "flock", refuse)
    create_durably(tmp_path / "master.key", "key\n")
    load_passwords(tmp_path / "passwords.json", ["api"])
    SigningChain(tmp_path / "c2pa").ensure()
    with BackupFolder(tmp_path / "backup").prepared(), BackupFolder(tmp_path / "backup").unchanged():
        pass
    answer[0] = errno.EIO
    with pytest.raises(OSError, match="Input/output error"):
        create_durably(tmp_path / "other.key", "key\n")
    with pytest.raises(UnusableBackup, match="Input/output error"), BackupFolder(tmp_path / "new").prepared():
        pass
