"""The key with which a stack signs heads of the tree over all commits, and the file that they are appended to."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from kinolog.durable_files import PRIVATE_FOLDER, create_durably, locked_folder, make_folder, write_durably
from kinolog.merkle.signed_note import NoteKey
from kinolog.process.files.head_keys import HeadKeysUnusable, new_head_key, read_head_keys, rotated_head_keys
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.errors import StartError

KEY_SETTING = "KINOLOG_TREE_KEY_FILE"
HEADS_SETTING = "KINOLOG_TREE_HEADS_FILE"
PLACES_SETTING = "KINOLOG_TREE_HEADS_TO"


def tree_key_file(folder: DataFolder, environ: Mapping[str, str]) -> Path:
    """Return the file of the key: that of the environment, or that of the data folder."""
    given = environ.get(KEY_SETTING)
    return Path(given).expanduser().absolute() if given else folder.tree_key


def tree_env(folder: DataFolder, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with which the projector signs heads. A missing key is made. Raises `StartError`."""
    path = tree_key_file(folder, environ)
    try:
        if not path.exists():
            make_folder(path.parent, mode=PRIVATE_FOLDER)
            with contextlib.suppress(FileExistsError):  # another kinolog that shares the file was quicker
                create_durably(path, new_head_key())
        read_head_keys(path)
    except (OSError, HeadKeysUnusable) as error:
        raise StartError(
            f"the key that signs heads of the tree cannot be used: {error}.",
            f"Restore it from its copy, or name another file with {KEY_SETTING}. A missing file is made.",
        ) from error
    places = [_in_folder(folder, place.strip()) for place in environ.get(PLACES_SETTING, "").split(",")]
    return {
        KEY_SETTING: str(path),
        HEADS_SETTING: _in_folder(folder, environ.get(HEADS_SETTING, "")) or str(folder.tree_heads),
        **({PLACES_SETTING: ",".join(filter(None, places))} if any(places) else {}),
    }


def _in_folder(folder: DataFolder, place: str) -> str:
    """Return a file as a path in the data folder, if it is relative. A URL and nothing stay as they are."""
    return place if not place or "://" in place else str(folder.path.absolute() / Path(place).expanduser())


def rotate_tree_key(path: Path) -> tuple[NoteKey, NoteKey]:
    """Put a new key before the one that signs now. Return the earlier and the new one.

    Raises `OSError`, `HeadKeysUnusable`.
    """
    with locked_folder(path.parent):
        keys = read_head_keys(path)
        write_durably(path, rotated_head_keys(keys))
        return NoteKey.of(keys[0]), NoteKey.of(read_head_keys(path)[0])
