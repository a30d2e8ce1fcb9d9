"""A file that appears when it is complete, or a device, pipe or standard output that is written into."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

_STANDARD_OUTPUTS = (1, 2)


@contextmanager
def partial_file(path: Path, *, mode: int = 0o666, durable: bool = False) -> Iterator[BinaryIO]:
    """Yield a file to write; a new one has this mode, less the umask. Raises `OSError`.

    A plain file appears at the end of the block: it is written beside its place, which an error in the block leaves
    as it was. A link stays, and what it points to is replaced. Whatever is no plain file (a device, a pipe, the
    standard output of this process) is written into as it is. With `durable` a power cut leaves the old file or the
    new one, not an empty one: that blocks until the disk has it, so an event loop calls `flush_to_disk` in a thread.
    """
    handle = _writable_handle(path)
    if handle is not None:
        with os.fdopen(handle, "wb") as file:
            yield file
        return
    place = Path(os.path.realpath(path))
    partial = place.with_name(f".{place.name}.{token_hex(4)}.part")  # two may write the same file at once
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            yield file
            if durable:
                flush_to_disk(file)
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


def is_plain_place(path: Path) -> bool:
    """Return whether a plain file is at `path`, or nothing, and not the standard output. Raises `OSError`."""
    handle = _writable_handle(path)
    if handle is not None:
        os.close(handle)
    return handle is None


def flush_to_disk(file: BinaryIO) -> None:
    """Wait until a plain file is on its disk; a device or a pipe has none. Raises `OSError`."""
    file.flush()
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        os.fsync(file.fileno())


def _writable_handle(path: Path) -> int | None:
    """Return a descriptor of what is at `path` if it must not be replaced. None for a plain file, or for nothing."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EISDIR, "it is a folder", str(path))
    if stat.S_ISBLK(found.st_mode):
        raise OSError(errno.EPERM, "it is a disk", str(path))
    if stat.S_ISREG(found.st_mode):
        standard = standard_output_at(path)
        return None if standard is None else os.dup(standard)
    return os.open(path, os.O_WRONLY | os.O_NOCTTY)


def standard_output_at(path: Path) -> int | None:
    """Return the standard output (1) or error (2) of this process that `path` names, such as /dev/stdout; else None."""
    for descriptor in _STANDARD_OUTPUTS:
        with suppress(OSError):  # it is closed, or nothing is there
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
    return None
