"""The manifest of a backup: what the backup holds, every file with its hash, and a hash over the manifest itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from kinolog.counts import counted
from kinolog.ports.artifacts import digest_in

FORMAT = 1
LOG, ARTIFACTS = "log", "artifacts"
TABLES = ("keys", "log_lines")
"""Tables that every backup has. Later ones also have `access`, the facts about API keys, and those of deliveries."""


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
    logged: int = 0
    """The last position of the log when the backup began; 0 in a manifest of an earlier version."""
    master_keys: tuple[str, ...] = ()
    """Ids of the master keys that wrap the keys in the backup."""
    segments: tuple[Segment, ...] = ()
    tables: dict[str, BackupFile] = field(default_factory=dict)
    artifacts: tuple[BackupFile, ...] = ()

    @property
    def files(self) -> Iterator[BackupFile]:
        """Every file: those of the log, the tables, and those of jobs."""
        yield from self.log_and_tables
        yield from self.artifacts

    @property
    def log_and_tables(self) -> Iterator[BackupFile]:
        """The files that a restore loads into the servers."""
        yield from self.segments
        yield from self.tables.values()

    @property
    def missing_text(self) -> str:
        """Which commits of the log the backup lacks, and what to do; empty if it has all."""
        if self.position >= self.logged:
            return ""
        return (
            f"not complete: it ends at position {self.position}, and the log ended at position {self.logged}. The rest "
            "was not in the archive yet, which is filled while kinolog runs: make the backup again then"
        )

    @property
    def checked_text(self) -> str:
        """What a check says that found every file whole."""
        facts = self.checked_facts
        found = (
            f"the backup of {self.made_at} is whole: {counted(self.position, 'commit')}, "
            f"{counted(facts['keys'], 'key')}, {counted(facts['files'], 'file')}"
        )
        return f"{found}; it is {self.missing_text}" if self.missing_text else found

    @property
    def checked_facts(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "position": self.position,
            "logged": max(self.logged, self.position),
            "complete": not self.missing_text,
            "made_at": self.made_at,
            "files": len(self.artifacts),
            "keys": self.tables["keys"].rows,
        }

    def missing_master_keys(self, ids: Iterable[str]) -> list[str]:
        """Return the master keys that the backup needs and that are not among these."""
        return sorted(set(self.master_keys) - set(ids))

    def to_text(self) -> str:
        """Return the content of the file."""
        content = {"format": FORMAT, **asdict(self)}
        return json.dumps({**content, "sha256": _hash(content)}, indent=1) + "\n"


def parse_manifest(text: str) -> Manifest:
    """Return the manifest in a text.

    Raises `UnusableBackup` for one of a newer kinolog, `ValueError`, `KeyError` or `TypeError` for a damaged one. A
    manifest of an earlier version has no hash over itself.
    """
    found = json.loads(text)
    if found["format"] > FORMAT:
        raise UnusableBackup(f"it was made by a newer kinolog ({found['kinolog']}): upgrade this one")
    stated = found.pop("sha256", None)
    if stated is not None and stated != _hash(found):
        raise ValueError("it was changed: its hash is another one")
    manifest = Manifest(
        kinolog=found["kinolog"],
        made_at=found["made_at"],
        position=found["position"],
        logged=found.get("logged", 0),
        master_keys=tuple(found["master_keys"]),
        segments=tuple(Segment(**facts) for facts in found["segments"]),
        tables={name: BackupFile(**facts) for name, facts in found["tables"].items()},
        artifacts=tuple(BackupFile(**facts) for facts in found["artifacts"]),
    )
    _check(manifest)
    return manifest


def _check(manifest: Manifest) -> None:
    """Raise `ValueError` for a position that no segment holds, and for a path outside the folder."""
    for name in TABLES:
        if name not in manifest.tables:
            raise ValueError(f"it names no {name}")
    last = 0
    for segment in manifest.segments:
        if segment.first != last + 1 or segment.last < segment.first:
            raise ValueError(f"the commits after position {last} are missing")
        last = segment.last
    if last != manifest.position:
        raise ValueError(f"it ends at position {last} instead of {manifest.position}")
    expected = {
        **{
            segment.path: f"{LOG}/{segment.first:012d}-{segment.last:012d}.commits"
            for segment in manifest.segments
        },
        **{table.path: f"{name}-{_stamp(name, table.path)}.copy" for name, table in manifest.tables.items()},
        **{file.path: _artifact_path(file) for file in manifest.artifacts},
    }
    for path, right in expected.items():
        if path != right:
            raise ValueError(f"{path!r} is no path of a file of a backup")


def _stamp(name: str, path: str) -> str:
    """Return the time in the name of a table's file; empty if it is no time."""
    stamp = path.removeprefix(f"{name}-").removesuffix(".copy")
    return stamp if stamp.isalnum() else ""


def _artifact_path(file: BackupFile) -> str:
    """Return the path of an artifact; empty if its key or the hash in it is wrong."""
    key = file.path.removeprefix(f"{ARTIFACTS}/")
    return f"{ARTIFACTS}/{key}" if digest_in(key) == file.sha256 else ""


def _hash(content: dict[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
