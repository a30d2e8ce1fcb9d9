"""What identifies the content of a model folder: the commit of a hub snapshot, or a hash of every byte.

Hashes of large files are remembered by size and time of change, so that a folder is read once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TypeAlias

from kinolog_worker.renderers.cache_folder import cache_folder

_LARGE_BYTES = 64 << 20
"""Hashes of files from this size on are remembered. Smaller ones are read again."""

_THREADS = 4

RememberedHashes: TypeAlias = dict[str, tuple[int, int, str]]
"""Size, time of change in ns and SHA-256 of files, by their paths."""


def hash_cache() -> Path:
    """Return the file of remembered hashes, in the folder of this user for what can be computed again."""
    return cache_folder() / "model-hashes.json"


def revision_of(folder: Path, cache: Path | None = None, *, weights: Path | None = None) -> str:
    """Return what identifies the content of a model folder, and of a single file of `weights` for its denoiser.

    `cache` is the file of remembered hashes. Hidden files and folders do not count. Raises OSError.
    """
    if weights is not None:
        digest = _hash(weights, _read(cache or hash_cache()))
        if _has_large([weights]):
            _remember(cache or hash_cache(), [weights], [digest])
        return f"sha256:{digest} on {revision_of(folder, cache)}"
    if folder.parent.name == "snapshots":
        return folder.name
    files = sorted(_files(folder))
    remembered = _read(cache or hash_cache()) if _has_large(files) else {}
    with ThreadPoolExecutor(_THREADS) as threads:
        hashes = list(threads.map(lambda path: _hash(path, remembered), files))
    whole = sha256()
    for path, digest in zip(files, hashes, strict=True):
        whole.update(f"{path.relative_to(folder).as_posix()}\0{digest}\0".encode())
    if _has_large(files):
        _remember(cache or hash_cache(), files, hashes)
    return f"sha256:{whole.hexdigest()}"


def hash_of_file(path: Path, cache: Path | None = None) -> str:
    """Return the SHA-256 of a file in hexadecimal, remembered for a large one. Raises OSError."""
    files = [path]
    if not _has_large(files):
        return _hash(path, {})
    found = _hash(path, _read(cache or hash_cache()))
    _remember(cache or hash_cache(), files, [found])
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def _has_large(files: list[Path]) -> bool:
    return any(path.stat().st_size >= _LARGE_BYTES for path in files)


def _hash(path: Path, remembered: Mapping[str, tuple[int, int, str]]) -> str:
    status = path.stat()
    size, changed_ns, known = remembered.get(str(path.resolve()), (0, 0, ""))
    if known and (size, changed_ns) == (status.st_size, status.st_mtime_ns):
        return known
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _read(cache: Path) -> RememberedHashes:
    """Return the remembered hashes; none if the file is missing or damaged."""
    try:
        found = json.loads(cache.read_text(encoding="utf-8"))
        return {str(path): (int(size), int(at), str(known)) for path, (size, at, known) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(cache: Path, files: list[Path], hashes: list[str]) -> None:
    """Remember the hashes of large files. A cache that cannot be written is left as it is."""
    found = {path: known for path, known in _read(cache).items() if Path(path).is_file()}
    for path, digest in zip(files, hashes, strict=True):
        status = path.stat()
        if status.st_size >= _LARGE_BYTES:
            found[str(path.resolve())] = (status.st_size, status.st_mtime_ns, digest)
    with suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        written = cache.with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps(found), encoding="utf-8")
        written.replace(cache)
