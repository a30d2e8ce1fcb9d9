"""Whether the files of a model are all there, whole, safe to load, and what the hub has."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import file_digest, sha1, sha256
from pathlib import Path

from kinolog.counts import counted
from kinolog.models.folder_safety import FolderRefused, check_safety
from kinolog.models.hub.needed_files import SAFE
from kinolog.models.hub.snapshots import folder_files
from kinolog.models.memory.weights import WeightsUnreadable, stated_file_bytes

_DIGITS_OF_SHA256, _DIGITS_OF_SHA1 = 64, 40


def folder_problems(folder: Path, *, content: bool = True, without: Collection[str] = ()) -> Iterator[str]:
    """Yield what is wrong with a model folder, for people. With `content` all bytes of a hub's model are compared.

    The weights of the parts `without` are not looked at. Raises OSError.
    """
    try:
        check_safety(folder)
        needed = folder_files(folder, without)
    except (FolderRefused, ValueError) as error:
        yield str(error)
        return
    yield from (f"it lacks {what}" for what in needed.missing)
    for path in sorted(needed.paths):
        if path.endswith(SAFE) and (problem := weight_file_problem(folder / path)):
            yield f"{path} {problem}"
        elif content and (blob := _blob_name(folder / path)) and _hash(folder / path, blob) != blob:
            yield f"{path} is damaged: its bytes are not those that the hub has"


def weight_file_problem(path: Path) -> str:
    """Return what is wrong with a weight file by its header and its length; empty if nothing is."""
    try:
        stated = stated_file_bytes(path)
    except WeightsUnreadable:
        return "has a damaged header"
    size = path.stat().st_size
    return (
        "" if size == stated else f"has {counted(size, 'byte')} and not the {stated} that its header states"
    )


def _blob_name(path: Path) -> str:
    """Return the hash that the hub's library named a file by; empty for a file that it did not download."""
    target = path.resolve()
    name = target.name
    is_hash = len(name) in (_DIGITS_OF_SHA1, _DIGITS_OF_SHA256) and set(name) <= set("0123456789abcdef")
    return name if target.parent.name == "blobs" and is_hash else ""


def _hash(path: Path, like: str) -> str:
    """Return the hash of a file in the form of another one: SHA-256 of its bytes, or that of a git blob."""
    if len(like) == _DIGITS_OF_SHA256:
        with path.open("rb") as file:
            return file_digest(file, sha256).hexdigest()
    content = path.read_bytes()
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
