"""Files that outlast a power cut: when a call returns, the file is complete on the disk and under its name.

A new name is an entry of its folder, which the disk stores apart from the content. So the content is flushed before
the name is given, and the folder after it (decision 43). Every function raises `OSError`.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_CANNOT_FLUSH_FOLDERS = (errno.EINVAL, errno.EBADF, errno.ENOTSUP)
"""Error numbers of file systems that flush no folders, such as some network shares."""
_CANNOT_LINK = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
"""Error numbers of file systems without hard links."""
_CANNOT_LOCK = (errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)
"""Error numbers of file systems without locks."""


def flush_file(path: Path) -> None:
    """Flush the content of a file to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_folder(path: Path) -> None:
    """Flush the entries of a folder to disk, where this process may read it and its file system can."""
    try:
        flush_file(path)
    except PermissionError:
        return
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH_FOLDERS:
            raise


def make_folder(path: Path, *, mode: int = 0o777, above: int = 0o777) -> None:
    """Make a folder and those above it, if they are missing, with these modes, less the umask."""
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_folder(path.parent, mode=above, above=above)
    path.mkdir(mode=mode, exist_ok=True)
    flush_folder(path.parent)


def rename_durably(source: Path, target: Path) -> None:
    """Rename a file or a folder, in place of a file that is there. The content was flushed before."""
    source.replace(target)
    flush_folder(target.parent)
    if source.parent != target.parent:
        flush_folder(source.parent)


def write_durably(path: Path, text: str, *, mode: int = PRIVATE_FILE) -> None:
    """Write a file in place of the one that is there. At each moment it has the old text or the new one."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        rename_durably(fresh, path)
    except OSError:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise


def create_durably(path: Path, text: str, *, mode: int = PRIVATE_FILE) -> None:
    """Write a file that is not there yet. Raises `FileExistsError`, also if another process is quicker."""
    with locked_folder(path.parent):
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        write_durably(path, text, mode=mode)


def claim_durably(path: Path, text: str, *, mode: int = PRIVATE_FILE) -> None:
    """Write a file that is not there yet, also where hosts share a file system without locks.

    It is there complete or not at all; on a file system without links a reader may see it before its text. Of processes
    that do so at the same time one succeeds. Raises `FileExistsError` in the others.
    """
    fresh = path.with_name(f"{path.name}.{uuid4().hex}.new")
    write_durably(fresh, text, mode=mode)
    try:
        try:
            os.link(fresh, path, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
            with open(
                path, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)
            ) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        flush_folder(path.parent)
    finally:
        with suppress(OSError):
            fresh.unlink()


def lock_open_file(handle: int, kind: int) -> None:
    """Take a lock of a `kind` of `fcntl.flock` on an open file or folder. A file system without locks is used as it is.

    Raises `OSError`, with `fcntl.LOCK_NB` also `BlockingIOError`.
    """
    try:
        fcntl.flock(handle, kind)
    except OSError as error:
        if error.errno not in _CANNOT_LOCK:
            raise


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder against other threads and processes, where its file system has locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        lock_open_file(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
