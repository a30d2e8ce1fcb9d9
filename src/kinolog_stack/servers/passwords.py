"""Random passwords of the embedded servers, in one file that only its owner can read."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from pathlib import Path

from kinolog.durable_files import PRIVATE_FOLDER, locked_folder, make_folder, write_durably
from kinolog_stack.errors import StartError


def load_passwords(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Return passwords by name. Missing ones are generated and written to `path` (mode 0600). Raises `StartError`.

    Servers that start concurrently share the file, so each access holds a lock.
    """
    try:
        make_folder(path.parent, mode=PRIVATE_FOLDER)
        with locked_folder(path.parent):
            known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            missing = [name for name in names if name not in known]
            if missing:
                known |= {name: secrets.token_urlsafe(24) for name in missing}
                write_durably(path, json.dumps(known, indent=1) + "\n")
            return known
    except (OSError, ValueError, TypeError) as error:
        raise StartError(
            f"the passwords in {path} cannot be used: {error}",
            "Restore the file from a backup; with a new one the servers refuse the old passwords.",
        ) from error
