"""Room on the disks below a data folder. Parts on the same file system count as one disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kinolog.mounted_folder import nearest_existing
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.errors import StartError

MEBIBYTE = 1 << 20
START_BYTES = 64 * MEBIBYTE
"""A stack does not start on a disk with less room: a new database alone takes about as much."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """What is stored in a folder. `slug` is its name in alarms, `text` its name in sentences."""

    slug: str
    text: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system and the parts on it."""

    parts: tuple[StoredPart, ...]
    free_bytes: int

    @property
    def slug(self) -> str:
        """The name of the disk in alarms: that of its first part."""
        return self.parts[0].slug

    @property
    def text(self) -> str:
        """What is on the disk, in words."""
        *first, last = (part.text for part in self.parts)
        return f"{', '.join(first)} and {last}" if first else last


def stored_parts(folder: DataFolder, scratch: Path | None = None) -> tuple[StoredPart, ...]:
    """Return the parts of a data folder, the most important first."""
    return (
        StoredPart("log", "the event log", folder.nats),
        StoredPart("database", "the database", folder.postgres),
        StoredPart("artifacts", "the videos", folder.artifacts),
        StoredPart("scratch", "the workers' temporary files", scratch or folder.scratch),
    )


def disks_of(parts: Iterable[StoredPart]) -> list[Disk]:
    """Return the disks of some parts, with their room. A folder that is missing counts as its nearest parent."""
    by_device: dict[int, list[StoredPart]] = {}
    for part in parts:
        by_device.setdefault(os.stat(nearest_existing(part.folder)).st_dev, []).append(part)
    return [
        Disk(tuple(found), shutil.disk_usage(nearest_existing(found[0].folder)).free)
        for found in by_device.values()
    ]


def check_room(folder: DataFolder, reserve_bytes: int) -> None:
    """Raise `StartError` if a disk has too little room to start, in words."""
    needed = min(START_BYTES, reserve_bytes)
    for disk in disks_of(stored_parts(folder)):
        if disk.free_bytes < needed:
            raise StartError(
                f"the disk with {disk.text} is full: {mebibytes(disk.free_bytes)} are free, and kinolog needs "
                f"{mebibytes(needed)} to start.",
                f"Make room on the disk of {nearest_existing(disk.parts[0].folder)}. Nothing was changed.",
            )


def mebibytes(size_bytes: float) -> str:
    """Return a size in words."""
    return f"{size_bytes / MEBIBYTE:,.0f} MiB"
