"""The folder of a backup: a manifest that names every file with its hash, and the files.

    manifest.json      what the backup holds; written last, so an interrupted backup leaves the one before it valid
    log/               commits in segments; a full segment never changes
    keys-….copy        the wrapped keys of jobs that are not erased
    log_lines-….copy   what workers logged
    artifacts/         videos and their companions, under the keys of the artifact store

The master key is not in it: without it the keys unseal nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import IO, Any

from kinolog.ports.event_store import DamagedLog
from kinolog.ports.raw_log import RawCommit

FORMAT = 1
MANIFEST = "manifest.json"
LOG, ARTIFACTS = "log", "artifacts"
CHUNK_BYTES = 1 << 20
_RECORD = Struct(">qI")


class UnusableBackup(Exception):
    """The folder holds no backup that can be used. The message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFile:
    """A file of a backup, by its path in the folder."""

    path: str
    size_bytes: int
    sha256: str
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment(BackupFile):
    """A file of the log: the commits from `first` to `last`."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds. `position` is that of its last commit."""

    kinolog: str
    made_at: str
    position: int
    master_keys: tuple[str, ...] = ()
    """Ids of the master keys that wrap the keys in the backup."""
    segments: tuple[Segment, ...] = ()
    tables: dict[str, BackupFile] = field(default_factory=dict)
    artifacts: tuple[BackupFile, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file."""
        return {"format": FORMAT, **asdict(self)}


class BackupFolder:
    """Reads and writes the files of a backup."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self) -> None:
        """Create what is missing. Raises `UnusableBackup` for a folder that holds something else."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            others = {entry.name for entry in self.path.iterdir()}
            if others and not (self.path / MANIFEST).exists() and LOG not in others:
                raise UnusableBackup(f"{self.path} is not empty and holds no backup; name another folder")
            for name in (LOG, ARTIFACTS):
                (self.path / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise UnusableBackup(f"{self.path} cannot be used: {error.strerror or error}") from error

    def manifest(self) -> Manifest | None:
        """Return the manifest; None if there is none. Raises `UnusableBackup`."""
        path = self.path / MANIFEST
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["format"] > FORMAT:
                raise UnusableBackup(
                    f"{self.path} was made by a newer kinolog ({found['kinolog']}): upgrade this one"
                )
            return Manifest(
                kinolog=found["kinolog"],
                made_at=found["made_at"],
                position=found["position"],
                master_keys=tuple(found["master_keys"]),
                segments=tuple(Segment(**facts) for facts in found["segments"]),
                tables={name: BackupFile(**facts) for name, facts in found["tables"].items()},
                artifacts=tuple(BackupFile(**facts) for facts in found["artifacts"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnusableBackup(f"{path} cannot be read ({error}); use another backup") from error

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest, and then delete files of earlier backups that it does not name."""
        self.write(MANIFEST, [json.dumps(manifest.to_json(), indent=1).encode() + b"\n"])
        named = {file.path for file in _files_of(manifest)}
        own = [*self.path.glob("*.copy*"), *(self.path / LOG).rglob("*"), *(self.path / ARTIFACTS).rglob("*")]
        for path in sorted(own, reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.relative_to(self.path).as_posix() not in named:
                path.unlink()

    def write(self, name: str, chunks: Iterable[bytes]) -> BackupFile:
        """Write a file durably: it has its name when it is complete."""
        with self.writer(name) as file:
            for chunk in chunks:
                file.write(chunk)
        return file.written()

    def writer(self, name: str) -> BackupFileWriter:
        """Return a writer of a file, for a `with` block."""
        return BackupFileWriter(self.path, name)

    def failures(self, manifest: Manifest, *, artifacts: bool = True) -> Iterator[str]:
        """Yield what is wrong with the files that the manifest names: missing, of another size, with another hash."""
        for file in _files_of(manifest, artifacts=artifacts):
            if problem := self.failure_of(file):
                yield f"{file.path} {problem}"

    def has(self, file: BackupFile) -> bool:
        """Return whether a file is there with its size. Its content is not read."""
        path = self.path / file.path
        return path.is_file() and path.stat().st_size == file.size_bytes

    def failure_of(self, file: BackupFile) -> str:
        """Return what is wrong with a file; empty if nothing is."""
        path = self.path / file.path
        try:
            if path.stat().st_size != file.size_bytes:
                return f"has {path.stat().st_size} bytes instead of {file.size_bytes}"
            with path.open("rb") as content:
                if _digest(content) != file.sha256:
                    return "was changed: its hash is another one"
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        return ""

    def commits(self, segments: Sequence[Segment]) -> Iterator[list[RawCommit]]:
        """Yield the commits of segments, in lists. Raises `DamagedLog`."""
        for segment in segments:
            with (self.path / segment.path).open("rb") as file:
                batch = []
                while head := file.read(_RECORD.size):
                    position, size = _RECORD.unpack(head)
                    raw = file.read(size)
                    if len(raw) != size:
                        raise DamagedLog(f"{segment.path} ends in the middle of position {position}")
                    batch.append(RawCommit(position, "", raw))
                    if len(batch) == 1_000:
                        yield batch
                        batch = []
                if batch:
                    yield batch


class BackupFileWriter:
    """Writes one file under a temporary name, hashes it, and renames it when it is complete."""

    def __init__(self, folder: Path, name: str) -> None:
        self._target = folder / name
        self._temporary = self._target.with_name(f"{self._target.name}.unfinished")
        self._name = name
        self._hash = sha256()
        self._size = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> BackupFileWriter:
        self._target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.fdopen(os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._file is None:
            return
        if kind is None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        if kind is None:
            self._temporary.replace(self._target)
        else:
            self._temporary.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Write bytes."""
        if self._file is not None:
            self._file.write(chunk)
            self._hash.update(chunk)
            self._size += len(chunk)

    def written(self, rows: int = 0) -> BackupFile:
        """Return the facts of the file."""
        return BackupFile(path=self._name, size_bytes=self._size, sha256=self._hash.hexdigest(), rows=rows)


def record(commit: RawCommit) -> bytes:
    """Return a commit as a segment holds it."""
    return _RECORD.pack(commit.position, len(commit.raw)) + commit.raw


def _files_of(manifest: Manifest, *, artifacts: bool = True) -> Iterator[BackupFile]:
    yield from manifest.segments
    yield from manifest.tables.values()
    if artifacts:
        yield from manifest.artifacts


def _digest(content: IO[bytes]) -> str:
    hashed = sha256()
    while chunk := content.read(CHUNK_BYTES):
        hashed.update(chunk)
    return hashed.hexdigest()
