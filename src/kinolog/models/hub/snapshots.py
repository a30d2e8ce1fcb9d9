"""Models of the hub on this machine: which commit of them is used, whether it is whole, its size, and its removal.

The layout is that of the library of the hub: `blobs` are files by their hashes, `snapshots` have links to them by
commit, `refs` the commit of a branch. A file of kinolog among the `refs` pins the commit that was downloaded whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kinolog.models.hub.hub_model import HubModel, is_commit
from kinolog.models.hub.needed_files import NeededFiles, NoPipeline, needed_files

PARTIAL = ".kinolog.incomplete"
"""How the name of a file ends of which only the beginning is here."""

_PINS = "kinolog"


def local_snapshot(model: HubModel) -> Path | None:
    """Return the folder of a model that is whole on this machine: of the pinned commit, or else of the branch.

    Of a LoRA its file is enough.
    """
    for commit in local_commits(model):
        folder = model.folder / "snapshots" / commit
        if _has_all(folder, model):
            return folder
    return None


def local_commits(model: HubModel) -> list[str]:
    """Return the commits that the revision may mean here, the pinned one first."""
    if model.names_commit:
        return [model.revision]
    refs = model.folder / "refs"
    found = [_read_ref(refs / _PINS / model.revision), _read_ref(refs / model.revision)]
    return list(dict.fromkeys(filter(None, found)))


def _has_all(folder: Path, model: HubModel) -> bool:
    if model.file:
        return os.path.isfile(folder / model.file)  # also False for a folder that cannot be read
    return is_whole(folder, model.without)


def at_pin(model: HubModel) -> HubModel:
    """Return where a download takes the file of a LoRA from: the commit that its revision is pinned to, if it is.

    The other files of that name stay those that they were. A model without a `file` is returned as it is.
    """
    commit = _read_ref(model.folder / "refs" / _PINS / model.revision) if model.file else ""
    return replace(model, revision=commit) if commit else model


def pin(model: HubModel, commit: str) -> None:
    """Let a branch or tag mean this commit from now on. Raises OSError."""
    if not model.names_commit:
        refs = model.folder / "refs"
        _write_ref(refs / model.revision, commit)
        _write_ref(refs / _PINS / model.revision, commit)


def pinned_models(cache: Path) -> Iterator[HubModel]:
    """Yield the models of which a branch or tag is pinned in a folder of downloaded models."""
    for pins in sorted(cache.glob(f"models--*--*/refs/{_PINS}")):
        name = pins.parents[1].name.removeprefix("models--").replace("--", "/", 1)
        for ref in sorted(path for path in pins.rglob("*") if path.is_file()):
            yield HubModel(name=name, revision=ref.relative_to(pins).as_posix(), cache=cache)


def is_whole(folder: Path, without: Collection[str] = ()) -> bool:
    """Return whether a model folder has all files that are loaded. Their content is not read."""
    try:
        return not folder_files(folder, without).missing
    except (OSError, ValueError):
        return False


def folder_files(folder: Path, without: Collection[str] = ()) -> NeededFiles:
    """Return the files of a model folder that are loaded, `without` the weights of these parts.

    Raises NoPipeline and OSError.
    """

    def read(path: str) -> Any:
        try:
            return json.loads((folder / path).read_text(encoding="utf-8"))
        except ValueError:
            raise NoPipeline(f"{path} is not JSON") from None

    return needed_files(frozenset(_paths(folder)), read, without)


def occupied_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder, each counted once, however many links lead to it."""
    sizes = {}
    for path in folder.rglob("*"):
        with suppress(OSError):
            status = path.stat()
            if path.is_file():
                sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())


def remove(model: HubModel) -> int:
    """Delete the commits that the revision means here, and the blobs that no other commit uses. Return the freed bytes.

    Raises OSError.
    """
    before = occupied_bytes(model.folder)
    commits = local_commits(model)
    for commit in commits:
        folder = model.folder / "snapshots" / commit
        if folder.is_dir():
            shutil.rmtree(folder)
    for ref in sorted((model.folder / "refs").rglob("*")):
        if ref.is_file() and _read_ref(ref) in commits:
            ref.unlink()
    snapshots = model.folder / "snapshots"
    if snapshots.is_dir() and any(snapshots.iterdir()):
        _delete_unused_blobs(model.folder)
    else:
        shutil.rmtree(model.folder, ignore_errors=True)
    return before - (occupied_bytes(model.folder) if model.folder.is_dir() else 0)


def _delete_unused_blobs(folder: Path) -> None:
    used = {path.resolve() for path in (folder / "snapshots").rglob("*") if path.is_symlink()}
    for blob in (folder / "blobs").iterdir():
        if blob.resolve() not in used:
            blob.unlink()


def _paths(folder: Path) -> Iterator[str]:
    """Yield the files below a folder. A link to nothing is none."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def _read_ref(path: Path) -> str:
    """Return the commit in a file; empty if there is none. What is no commit would lead out of the folder."""
    try:
        commit = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
    return commit if is_commit(commit) else ""


def _write_ref(path: Path, commit: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_name(f".{path.name}.{os.getpid()}")
    written.write_text(commit, encoding="utf-8")
    written.replace(path)
