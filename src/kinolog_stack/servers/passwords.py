"""Random passwords of the embedded servers, in one file that only its owner can read."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kinolog_stack.errors import StartError


def load_passwords(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Return passwords by name. Missing ones are generated and written to `path` (mode 0600). Raises `StartError`.

    Servers that start concurrently share the file, so each access holds a lock.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            missing = [name for name in names if name not in known]
            if missing:
                known |= {name: secrets.token_urlsafe(24) for name in missing}
                write_private(path, json.dumps(known, indent=1) + "\n")
            return known
    except (OSError, ValueError, TypeError) as error:
        raise StartError(
            f"the passwords in {path} cannot be used: {error}",
            "Restore the file from a backup; with a new one the servers refuse the old passwords.",
        ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder against other threads and processes."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 atomically: readers see the old text or the new one."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
