"""Files that the writes of killed processes leave in a folder store.

obstore writes to `NAME#1` and renames that to NAME at the end. It lists no such file and refuses its name, so they are
found and deleted here. An object store keeps the parts of an interrupted write where no listing shows them: a rule of
the bucket deletes them (docs/running.md, Videos in an object store).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_NAME = re.compile(r".*#[0-9]+")


@dataclass(frozen=True, slots=True)
class InterruptedWrite:
    """A file that a write left. `key` is its path below the folder of the store."""

    key: str
    modified_at: datetime


def is_interrupted(key: str) -> bool:
    """Return whether a key is that of a file that a write left."""
    return _NAME.fullmatch(key) is not None


def interrupted_writes(root: Path, prefix: str) -> list[InterruptedWrite]:
    """Return the files that writes left below a prefix of a folder store, also those of writes that still go on."""
    return [
        InterruptedWrite(str(path.relative_to(root)), modified_at)
        for folder, _, names in os.walk(root / prefix)
        for path in (Path(folder) / name for name in names if is_interrupted(name))
        if (modified_at := _modified_at(path)) is not None
    ]


def delete_interrupted(root: Path, key: str) -> bool:
    """Delete a file that a write left. Return False if there is none. Raises `OSError`."""
    try:
        (root / key).unlink()
    except FileNotFoundError:
        return False
    return True


def _modified_at(path: Path) -> datetime | None:
    """Return when a file was last written to; None if it is gone."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
