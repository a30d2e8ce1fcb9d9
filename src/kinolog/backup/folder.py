"""The folder of a backup: a manifest that names every file with its hash, and the files.

    manifest.json      what the backup holds; written last, so an interrupted backup leaves the one before it valid
    lock               locked while a backup is made
    log/               commits in segments; a full segment never changes
    keys-….copy        the wrapped keys of jobs that are not erased
    log_lines-….copy   what workers logged
    artifacts/         videos and their companions, under the keys of the artifact store

The manifest reaches the disk after every file that it names, and before a file of the backup of before is deleted. So a
power cut at any moment leaves a whole backup. The master key is not in it: without it the keys unseal nothing.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from itertools import islice
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Self

from kinolog.backup.hashed_file import UNFINISHED, HashedFile
from kinolog.backup.manifest import (
    ARTIFACTS,
    LOG,
    BackupFile,
    Manifest,
    Segment,
    UnusableBackup,
    parse_manifest,
)
from kinolog.counts import counted
from kinolog.durable_files import PRIVATE_FOLDER, flush_folder, lock_open_file, make_folder, write_durably
from kinolog.ports.event_store import DamagedLog
from kinolog.ports.raw_log import RawCommit

MANIFEST, LOCK = "manifest.json", "lock"
CHUNK_BYTES = 1 << 20
MAX_NAMED = 5
BATCH_COMMITS = 1_000
OTHER_HASH = "was changed: its hash is another one"
_RECORD = Struct(">qI")


class BackupFolder:
    """Reads and writes the files of a backup."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unflushed: set[Path] = set()
        """Folders with new entries."""

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Make the folder ready for a backup, and let no other one be made meanwhile.

        What an interrupted backup left is deleted, except files of jobs. Raises `UnusableBackup`, also for a folder
        that holds something else.
        """
        try:
            make_folder(self.path, mode=PRIVATE_FOLDER)
            others = {entry.name for entry in self.path.iterdir()} - {LOCK}
            if others and not (self.path / MANIFEST).exists() and LOG not in others:
                raise UnusableBackup(f"{self.path} is not empty and holds no backup; name another folder")
            handle = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        try:
            self._lock(handle, fcntl.LOCK_EX)
            with _writing(self.path):
                for name in (LOG, ARTIFACTS):
                    make_folder(self.path / name, mode=PRIVATE_FOLDER)
                self._delete_unfinished()
            yield
        finally:
            os.close(handle)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Let no backup change the folder meanwhile. Raises `UnusableBackup` if one does so now.

        A copy of the folder that nobody may write to needs no lock, and may lack its file.
        """
        try:
            handle = os.open(self.path / LOCK, os.O_RDONLY)
        except OSError:
            yield
            return
        try:
            self._lock(handle, fcntl.LOCK_SH)
            yield
        finally:
            os.close(handle)

    def _lock(self, handle: int, kind: int) -> None:
        try:
            lock_open_file(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnusableBackup(
                f"the folder {self.path} is in use: a backup into it or a restore from it runs; wait for its end"
            ) from None
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _delete_unfinished(self) -> None:
        """Make room: delete what no manifest can name. Files of jobs stay, for they need not be copied again."""
        manifest = self.manifest()
        named = {file.path for file in manifest.files} if manifest is not None else set()
        for path in [*self.path.glob("*.copy"), *self.path.rglob(f"*{UNFINISHED}")]:
            if path.relative_to(self.path).as_posix() not in named:
                path.unlink()

    def manifest(self) -> Manifest | None:
        """Return the manifest; None if there is none. Raises `UnusableBackup`."""
        path = self.path / MANIFEST
        try:
            return parse_manifest(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except UnusableBackup as error:
            raise UnusableBackup(f"{self.path} cannot be used: {error}") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnusableBackup(f"{path} cannot be read ({error}); use another backup") from error

    def present_manifest(self) -> Manifest:
        """Return the manifest. Raises `UnusableBackup`, also if there is none. The files are not read."""
        manifest = self.manifest()
        if manifest is None:
            raise UnusableBackup(f"{self.path} holds no backup: it has no {MANIFEST}")
        return manifest

    def checked_manifest(self, *, artifacts: bool = True) -> Manifest:
        """Return the manifest after comparing every file with its hash. Raises `UnusableBackup`."""
        manifest = self.present_manifest()
        files = manifest.files if artifacts else manifest.log_and_tables
        failures = [f"{file.path} {problem}" for file in files if (problem := self.failure_of(file))]
        if failures:
            more = f"; and {len(failures) - MAX_NAMED} more" if len(failures) > MAX_NAMED else ""
            raise UnusableBackup(
                f"the backup {self.path} is damaged: {'; '.join(failures[:MAX_NAMED])}{more}"
            )
        return manifest

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest durably, and then delete files that it does not name."""
        with _writing(self.path):
            for folder in self._unflushed:
                flush_folder(folder)
            self._unflushed.clear()
            write_durably(self.path / MANIFEST, manifest.to_text())
            self._delete_others({file.path for file in manifest.files})

    def _delete_others(self, named: set[str]) -> None:
        """Delete what no manifest names any more, such as files of jobs that were erased since."""
        own = [*self.path.glob("*.copy*"), *(self.path / LOG).rglob("*"), *(self.path / ARTIFACTS).rglob("*")]
        changed = set()
        for path in sorted(own, reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
                    changed.add(path.parent)
            elif path.relative_to(self.path).as_posix() not in named:
                path.unlink()
                changed.add(path.parent)
        for folder in changed:
            if folder.is_dir():
                flush_folder(folder)

    def writer(self, name: str) -> BackupFileWriter:
        """Return a writer of a file, for a `with` block. The manifest makes its name durable."""
        folder = (self.path / name).parent
        with _writing(self.path):
            make_folder(folder, mode=PRIVATE_FOLDER, above=PRIVATE_FOLDER)
        self._unflushed.add(folder)
        return BackupFileWriter(self.path, name)

    def has(self, file: BackupFile) -> bool:
        """Return whether a file is there with its size. Its content is not read."""
        path = self.path / file.path
        return path.is_file() and path.stat().st_size == file.size_bytes

    def copied_before(self, name: str, digest: str) -> BackupFile | None:
        """Return a file that an interrupted backup has copied whole, by its hash. None if there is none. Blocks."""
        path = self.path / name
        with suppress(FileNotFoundError), path.open("rb") as content:
            if file_digest(content, "sha256").hexdigest() == digest:
                self._unflushed.add(path.parent)
                return BackupFile(path=name, size_bytes=path.stat().st_size, sha256=digest)
        return None

    def failure_of(self, file: BackupFile) -> str:
        """Return what is wrong with a file: missing, of another size, with another hash. Empty if nothing is.

        Blocks while it reads the whole file.
        """
        path = self.path / file.path
        try:
            if (size := path.stat().st_size) != file.size_bytes:
                return _other_size(size, file)
            with path.open("rb") as content:
                if file_digest(content, "sha256").hexdigest() != file.sha256:
                    return OTHER_HASH
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        return ""

    def read_segment(self, segment: Segment) -> ReadSegment:
        """Read a segment once, and return what is wrong with its file and a hash over its commits. Blocks."""
        content, problem = sha256(), ""
        try:
            size = (self.path / segment.path).stat().st_size
            if size != segment.size_bytes:
                return ReadSegment(_other_size(size, segment), b"")
            with (self.path / segment.path).open("rb") as file:
                reader = _HashingReader(file)
                for commit in _commits(reader, segment.path):
                    content.update(
                        commit.position.to_bytes(8, "big", signed=True) + sha256(commit.raw).digest()
                    )
                problem = "" if reader.hash.hexdigest() == segment.sha256 else OTHER_HASH
        except DamagedLog:
            problem = OTHER_HASH
        except OSError as error:
            problem = f"cannot be read: {error.strerror or error}"
        return ReadSegment(problem, content.digest())

    def commits(self, segments: Sequence[Segment]) -> Iterator[list[RawCommit]]:
        """Yield the commits of segments, in lists. Raises `DamagedLog`."""
        for segment in segments:
            with (self.path / segment.path).open("rb") as file:
                commits = _commits(file, segment.path)
                while batch := list(islice(commits, BATCH_COMMITS)):
                    yield batch


@dataclass(frozen=True, slots=True)
class ReadSegment:
    """The outcome of reading a segment."""

    problem: str
    """What is wrong with its file; empty if nothing is."""
    content_hash: bytes
    """A hash over positions and bytes of its commits."""


class _HashingReader:
    """Hashes what is read from a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.hash.update(data)
        return data


def _commits(file: BinaryIO | _HashingReader, name: str) -> Iterator[RawCommit]:
    """Yield the commits of a segment. Raises `DamagedLog`."""
    while head := file.read(_RECORD.size):
        if len(head) != _RECORD.size:
            raise DamagedLog(f"{name} ends in the middle of a commit")
        position, size = _RECORD.unpack(head)
        raw = file.read(size)
        if len(raw) != size:
            raise DamagedLog(f"{name} ends in the middle of position {position}")
        yield RawCommit(position, "", raw)


class BackupFileWriter(HashedFile):
    """Writes one file of a backup. Raises `UnusableBackup` where it cannot."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder / name)
        self._folder = folder
        self._name = name

    def __enter__(self) -> Self:
        with _writing(self._folder):
            return super().__enter__()

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        with _writing(self._folder):
            super().__exit__(kind, *raised)

    def write(self, chunk: bytes) -> None:
        """Write bytes."""
        with _writing(self._folder):
            super().write(chunk)

    def written(self, rows: int = 0) -> BackupFile:
        """Return the facts of the file."""
        return BackupFile(path=self._name, size_bytes=self.size_bytes, sha256=self.sha256, rows=rows)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raise `UnusableBackup` for an error of writing, such as a full disk."""
    try:
        yield
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> UnusableBackup:
    return UnusableBackup(
        f"{error.filename or folder} cannot be written: {error.strerror or error}. "
        "A backup that was there before is as it was"
    )


def _other_size(size: int, file: BackupFile) -> str:
    return f"has {counted(size, 'byte')} instead of {file.size_bytes}"


def record(commit: RawCommit) -> bytes:
    """Return a commit as a segment holds it."""
    return _RECORD.pack(commit.position, len(commit.raw)) + commit.raw
