"""Files that hold commits of the log: an export as JSON Lines, a bundle, and the folder of a backup."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from kinolog.backup.folder import BackupFolder
from kinolog.backup.manifest import Manifest, UnusableBackup
from kinolog.bundle.archive import ArchiveInvalid, ArchiveMember, content_of, read_archive
from kinolog.bundle.contents import (
    COMMITS,
    KEYS,
    MANIFEST,
    BundleInvalid,
    BundleManifest,
    commits_in,
    keys_of,
)
from kinolog.codec.commits import DamagedCommit
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.tree_head import origin_of
from kinolog.ports.event_store import DamagedLog
from kinolog.ports.raw_log import RawCommit
from kinolog.privacy.sealer import UnsealFailed
from kinolog_cli.replay.stored_commits import commit_of
from kinolog_client import CommitSelection
from kinolog_client.exports.event_file import after_break
from kinolog_client.exports.transfer import place_of
from kinolog_client.replay import JobEvent, ReplayedCommit
from kinolog_client.replay.commit_lines import CommitLines
from kinolog_client.replay.event_decoding import names_of

_ZIP = b"PK\x03\x04"


class LogFileUnreadable(Exception):
    """A file holds no commits that can be read. The text says why, and what to do."""


class LogFile(Protocol):
    """Commits that are stored in a file or a folder."""

    name: str
    """The name of the log; empty if the file does not tell."""
    last_position: int

    def commits(self, events: Collection[type[JobEvent]]) -> Iterator[ReplayedCommit]:
        """Yield the commits in the order of the log. Raises `LogFileUnreadable`, `OSError`."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


@dataclass(frozen=True, slots=True)
class FileSelection:
    """Which commits of a file are replayed: those that match, after a position."""

    selection: CommitSelection
    after: int

    def has(self, commit: ReplayedCommit) -> bool:
        """Return whether a commit is selected. The beginning of the id of a job is enough."""
        chosen = self.selection
        return (
            commit.position > self.after
            and commit.position >= (chosen.first_position or 0)
            and commit.job_id.startswith(chosen.job_id)
            and chosen.tenant in ("", "*", commit.tenant)
            and chosen.actor in ("", commit.actor)
            and (chosen.since is None or commit.at >= chosen.since)
            and (chosen.until is None or commit.at < chosen.until)
        )

    def is_after_end(self, commit: ReplayedCommit) -> bool:
        """Return whether no commit after this one is selected."""
        last = self.selection.last_position
        return last is not None and commit.position > last


def open_log_file(path: Path, *, prompts: bool) -> LogFile:
    """Open a file or folder with commits. Raises `LogFileUnreadable`, `OSError`."""
    if path.is_dir():
        if prompts:
            raise LogFileUnreadable(
                "a backup holds no prompts that can be read, since the keys in it are wrapped; leave out --prompts"
            )
        return BackupLog(path)
    file = path.open("rb")
    try:
        start = file.read(len(_ZIP))
        if start == _ZIP:
            return BundleLog(file, prompts=prompts)
        if start[:1] == b"{":
            return ExportLog(file)
        if not start:
            raise LogFileUnreadable("it is empty: no commit was selected when it was exported")
        if start == b"PAR1":
            raise LogFileUnreadable(
                "a Parquet file is for other programs; export the log as JSON Lines: kinolog audit export -o log.jsonl"
            )
        raise LogFileUnreadable(
            "it is neither an export as JSON Lines (kinolog audit export), nor a bundle (kinolog audit bundle), "
            "nor the folder of a backup (kinolog backup)"
        )
    except BaseException:
        file.close()
        raise


class ExportLog:
    """An export as JSON Lines. It has the texts of users if it was made with them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.name = ""
        try:
            self.last_position = _last_position(file)
            file.seek(0)
            self.name = _source_of(file.readline())
        except ValueError as error:
            raise LogFileUnreadable(str(error)) from error

    def commits(self, events: Collection[type[JobEvent]]) -> Iterator[ReplayedCommit]:
        """Yield the commits. Raises `LogFileUnreadable`, `OSError`."""
        lines = CommitLines(names_of(events) if events else None)
        number = 0
        self._file.seek(0)
        try:
            for line in self._file:
                number += 1
                yield from lines.add(line)
            yield from lines.end()
        except ValueError as error:
            raise LogFileUnreadable(f"line {number}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _source_of(line: bytes) -> str:
    """Return the name of the log of an event. Raises ValueError for a line that is no event."""
    place_of(line)
    return str(json.loads(line).get("source", ""))


def _last_position(file: BinaryIO) -> int:
    """Return the position of the last event. Raises ValueError, also for a file that ends within a line."""
    end = file.seek(0, os.SEEK_END)
    if after_break(file, end) != end:
        raise ValueError("it ends within a line: the export was interrupted; repeat it")
    file.seek(after_break(file, end - 1))
    return place_of(file.readline()).position


class BundleLog:
    """The commits of a bundle. What it proves is for `kinolog audit verify` to say."""

    def __init__(self, file: BinaryIO, *, prompts: bool) -> None:
        self._file = file
        try:
            members = {member.name: member for member in read_archive(file)}
            manifest = BundleManifest.of(self._text(members[MANIFEST]))
            self._commits = members[COMMITS]
            keys = keys_of(self._text(members[KEYS])) if KEYS in members else None
        except KeyError as error:
            raise LogFileUnreadable(f"it is no bundle: it has no {error.args[0]}") from error
        except (ArchiveInvalid, BundleInvalid, UnicodeDecodeError) as error:
            raise LogFileUnreadable(str(error)) from error
        if prompts and keys is None:
            raise LogFileUnreadable(
                "the bundle has no keys, so no prompts: make it --with-prompts, or leave out --prompts"
            )
        self._keys = keys if prompts else None
        self.name = manifest.log
        self.last_position = manifest.selection.last_position

    def commits(self, events: Collection[type[JobEvent]]) -> Iterator[ReplayedCommit]:
        """Yield the commits. Raises `LogFileUnreadable`, `OSError`."""
        wanted, position = names_of(events), 0
        try:
            for position, raw in commits_in(content_of(self._file, self._commits)):
                commit = commit_of(position, raw, wanted, self._keys)
                if commit is not None:
                    yield commit
        except (BundleInvalid, ArchiveInvalid) as error:
            raise LogFileUnreadable(str(error)) from error
        except (DamagedCommit, UnsealFailed) as error:
            raise LogFileUnreadable(f"position {position}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _text(self, member: ArchiveMember) -> str:
        return b"".join(content_of(self._file, member)).decode()


class BackupLog:
    """The log in the folder of a backup, which no other backup changes meanwhile."""

    def __init__(self, path: Path) -> None:
        self._folder = BackupFolder(path)
        self._lock = ExitStack()
        try:
            self._lock.enter_context(self._folder.unchanged())
            self._manifest: Manifest = self._folder.present_manifest()
            first = next((batch[0] for batch in self._batches()), None)
        except (UnusableBackup, DamagedLog) as error:
            self._lock.close()
            raise LogFileUnreadable(str(error)) from error
        self.name = "" if first is None else origin_of(leaf_hash(first.raw))
        self.last_position = self._manifest.position

    def commits(self, events: Collection[type[JobEvent]]) -> Iterator[ReplayedCommit]:
        """Yield the commits. Raises `LogFileUnreadable`, `OSError`."""
        wanted, position = names_of(events), 0
        try:
            for batch in self._batches():
                for stored in batch:
                    position = stored.position
                    commit = commit_of(position, stored.raw, wanted, None)
                    if commit is not None:
                        yield commit
        except DamagedLog as error:
            raise LogFileUnreadable(str(error)) from error
        except DamagedCommit as error:
            raise LogFileUnreadable(
                f"position {position}: {error}; kinolog backup --check says more"
            ) from error

    def close(self) -> None:
        """Let backups change the folder again."""
        self._lock.close()

    def _batches(self) -> Iterator[list[RawCommit]]:
        return self._folder.commits(self._manifest.segments)
