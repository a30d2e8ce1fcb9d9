"""Port: the store of finished files (videos, thumbnails, previews, scenes) and of what jobs start from.

A file is stored in two steps. `stage` writes it under a temporary key and hashes it; `commit` moves it, create-only, to
the address that derives from its job and its hash. So a reader never sees a partial file, no two contents share an
address, and storing the same content twice has one effect. A key looks like
`jobs/<folder of the tenant>/<job id>/<SHA-256>.mp4` (decision 121). No two jobs share a file, so erasing a job deletes
its folder and nothing else (decision 35). Keys of earlier versions have no folder of a tenant. Versions before those
shared files between jobs, under keys like `sha256/ab/cdef….mp4`. Both are read and deleted as before.

A store has two areas, and an adapter serves one of them. In that of uploads, content belongs to an upload until it
expires, and keys look like `uploads/<folder>/<SHA-256>.sealed` (decision 80). What is said of the folders of jobs
applies to them too.

Disks and people change files. So a store compares content with the hash in its address: `commit` before it relies on
content that is there already, and `read` before it yields the first byte (decision 40).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from kinolog.ids import files_of

_FOLDER = re.compile(r"(?:t-[a-z0-9]{26}/)?[a-z0-9]{1,64}")
_KEY = re.compile(rf"(?:jobs|uploads)/{_FOLDER.pattern}/([0-9a-f]{{64}})\.[a-z0-9]{{1,8}}")
_SHARED_KEY = re.compile(r"sha256/([0-9a-f]{2})/([0-9a-f]{62})\.[a-z0-9]{1,8}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


class StoreArea(StrEnum):
    """What the content of an adapter belongs to. The values begin keys."""

    JOBS = "jobs"
    UPLOADS = "uploads"


class ArtifactMissing(LookupError):
    """No artifact is stored under this key."""


class ArtifactDamaged(Exception):
    """The content under this key does not have the hash of its address."""


class ArtifactsUnavailable(Exception):
    """The store does not answer or refuses access. The message gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedContent:
    """Content for a folder, written under a temporary key, not yet visible to readers."""

    folder: str
    temporary_key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArtifact:
    """Content at its address. `created` is False if it was stored there before, undamaged."""

    key: str
    sha256: str
    size_bytes: int
    created: bool = True


@dataclass(frozen=True, slots=True)
class ArtifactStat:
    """Metadata of an artifact."""

    key: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ContentFacts:
    """Hash and size of content as it is, whatever its address."""

    sha256: str
    size_bytes: int


class ArtifactStore(Protocol):
    """Stores artifacts by content, in folders. `job_folder` names that of a job.

    If the store fails (network, rights, a full disk), every method raises `ArtifactsUnavailable`. `stage` raises an
    error of the content that it reads as it is. Every adapter passes tests/contract/test_artifacts.py.
    """

    async def stage(self, content: Path | AsyncIterable[bytes], folder: str) -> StagedContent:
        """Write content for a folder under a new temporary key and hash it."""
        ...

    async def commit(
        self, staged: StagedContent, suffix: str, *, keep_staged: bool = False
    ) -> StoredArtifact:
        """Move staged content to its address, in its folder; `suffix` is a file ending such as `.mp4`.

        With `keep_staged` it is copied and stays staged until it is discarded or swept.
        Content that is already there is read in full: undamaged, it stays; damaged, the staged content replaces it.
        Raises `ArtifactMissing` if the staged content no longer exists (swept, or committed under another suffix),
        `ArtifactDamaged` if besides the content at its address is damaged.
        """
        ...

    async def discard(self, staged: StagedContent) -> None:
        """Delete staged content, if it is still there."""
        ...

    async def head(self, key: str) -> ArtifactStat | None:
        """Return the metadata of an artifact; None if there is none."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield bytes `start` (inclusive) to `end` (exclusive; None for the end).

        A range is limited to the content; an empty range yields nothing. Raises `ArtifactMissing`. Raises
        `ArtifactDamaged` before the first byte if the content does not have the hash of its address, whatever the
        range. The content is read in full for that once, and again after each change.
        """
        ...

    async def measure(self, key: str) -> ContentFacts:
        """Read an artifact in full, damaged or not. Return its hash and size. Raises `ArtifactMissing`."""
        ...

    async def delete(self, key: str) -> bool:
        """Delete the artifact. Return False if there was none."""
        ...

    async def keys_of(self, folder: str) -> list[str]:
        """Return the keys in a folder, whether an event names them or not, and those of staged content.

        Those that an earlier version stored in the folder of the same job without a tenant are among them.
        """
        ...

    async def delete_all(self, folder: str) -> int:
        """Delete everything that `keys_of` returns. Return the number of deletions."""
        ...

    async def staged_before(self, older_than_seconds: float) -> list[str]:
        """Return the folders with content that was staged longer ago and is neither committed nor discarded."""
        ...

    async def committed_before(self, older_than_seconds: float) -> list[str]:
        """Return the keys of content that was stored longer ago. It lists the whole area."""
        ...

    async def committed_bytes(self, start: str) -> int:
        """Return the size of all content in folders whose names begin so. It lists the whole area."""
        ...

    async def sweep(self, older_than_seconds: float) -> int:
        """Delete content staged longer ago, which exited writers left. Return the number of deletions."""
        ...


async def commit_or_discard(
    store: ArtifactStore, staged: StagedContent, suffix: str, *, keep_staged: bool = False
) -> StoredArtifact:
    """Commit staged content. Where that is not done, delete what is staged, and raise what `commit` raises."""
    try:
        return await store.commit(staged, suffix, keep_staged=keep_staged)
    except BaseException:
        await store.discard(staged)
        raise


def job_folder(tenant: str, job_id: str) -> str:
    """Return the folder of the files of a job."""
    return f"{files_of(tenant)}/{job_id}"


def job_in(folder: str) -> str:
    """Return the id of the job whose files a folder has, with a tenant or without."""
    return folder.rpartition("/")[2]


def address(folder: str, digest: str, suffix: str, area: StoreArea = StoreArea.JOBS) -> str:
    """Return the key of content with this SHA-256 (64 hex digits) and ending (`.mp4`). Raises `ValueError`."""
    if not _DIGEST.fullmatch(digest):
        raise ValueError("a digest is 64 lower-case hex digits")
    if not _SUFFIX.fullmatch(suffix):
        raise ValueError("a suffix is a dot and 1 to 8 lower-case letters or digits")
    return f"{key_prefix(folder, area)}/{digest}{suffix}"


def key_prefix(folder: str, area: StoreArea = StoreArea.JOBS) -> str:
    """Return what the keys in a folder begin with, without the slash. Raises `ValueError`."""
    if not _FOLDER.fullmatch(folder):
        raise ValueError("a folder is 1 to 64 lower-case letters and digits, after that of a tenant or alone")
    return f"{area}/{folder}"


def key_prefixes(folder: str, area: StoreArea = StoreArea.JOBS) -> tuple[str, ...]:
    """Return what the keys in a folder begin with, those of an earlier version too. Raises `ValueError`."""
    return tuple(dict.fromkeys((key_prefix(folder, area), key_prefix(job_in(folder), area))))


def is_folder(name: str) -> bool:
    """Return whether a name is that of a folder with the files of one job or upload."""
    return _FOLDER.fullmatch(name) is not None


def is_shared(key: str) -> bool:
    """Return whether several jobs may list the file: an earlier version stored it."""
    return _SHARED_KEY.fullmatch(key) is not None


def is_artifact(key: str) -> bool:
    """Return whether a key is that of an artifact in a folder of its own, and not of another file in the store."""
    return _KEY.fullmatch(key) is not None


def digests_in(keys: Iterable[str]) -> tuple[str, ...]:
    """Return the SHA-256 in the keys of artifacts, sorted, each once. Other keys, as of staged content, have none."""
    matches = (_KEY.fullmatch(key) or _SHARED_KEY.fullmatch(key) for key in keys)
    return tuple(sorted({"".join(match.groups()) for match in matches if match is not None}))


def digest_in(key: str) -> str:
    """Return the SHA-256 in a key. Raises `ValueError` for anything that is not an artifact key."""
    match = _KEY.fullmatch(key) or _SHARED_KEY.fullmatch(key)
    if match is None:
        raise ValueError("not an artifact key")
    return "".join(match.groups())
