"""Port: the store of finished files (videos, thumbnails, previews, manifests).

A file is stored in two moves. `stage` writes it under a temporary key and hashes what it wrote; `commit`
puts it, create-only, at the address that its hash spells. So a reader never sees half a file, no two
contents share an address, and storing the same content twice has one effect. A key looks like
`sha256/ab/cdef….mp4`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

_KEY = re.compile(r"sha256/[0-9a-f]{2}/[0-9a-f]{62}\.[a-z0-9]{1,8}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


class ArtifactMissing(LookupError):
    """No artifact lies under this key."""


class ArtifactDamaged(Exception):
    """What lies under this key is not what its address promises."""


class ArtifactsUnavailable(Exception):
    """The store does not answer, or does not let this process read; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedContent:
    """Content written under a temporary key, not yet visible to readers."""

    temporary_key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArtifact:
    """Content at its address. `created` is False when it already lay there."""

    key: str
    sha256: str
    size_bytes: int
    created: bool = True


@dataclass(frozen=True, slots=True)
class ArtifactStat:
    """What the store says about a key without reading the content."""

    key: str
    size_bytes: int


class ArtifactStore(Protocol):
    """Where artifacts lie.

    When the store itself fails (network, rights), `head`, `read` and `delete` raise ArtifactsUnavailable; from
    staging and committing its errors come through as they are.
    """

    async def stage(self, content: Path | AsyncIterable[bytes]) -> StagedContent:
        """Write `content` under a new temporary key, hashing on the way."""
        ...

    async def commit(self, staged: StagedContent, suffix: str) -> StoredArtifact:
        """Move staged content to its address; `suffix` is a file ending such as `.mp4`.

        Content that already lies there stays as it is. Raises ArtifactDamaged when what lies there has
        another size, ArtifactMissing when the staged content is gone (swept, or committed under another
        suffix).
        """
        ...

    async def discard(self, staged: StagedContent) -> None:
        """Drop staged content; nothing happens when it is gone already."""
        ...

    async def head(self, key: str) -> ArtifactStat | None:
        """Facts about the artifact, or None when there is none."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream bytes `start` (inclusive) to `end` (exclusive; None is the end). Raises ArtifactMissing.

        A range beyond the content is cut to it; an empty range yields nothing.
        """
        ...

    async def delete(self, key: str) -> bool:
        """Delete the artifact; False when there was none."""
        ...

    async def sweep(self, older_than_seconds: float) -> int:
        """Delete temporaries left by writers that died; returns how many."""
        ...


def address(digest: str, suffix: str) -> str:
    """The key of content with this sha256 (64 hex digits) and file ending (`.mp4`)."""
    if not _DIGEST.fullmatch(digest):
        raise ValueError("a digest is 64 lower-case hex digits")
    if not _SUFFIX.fullmatch(suffix):
        raise ValueError("a suffix is a dot and 1 to 8 lower-case letters or digits")
    return f"sha256/{digest[:2]}/{digest[2:]}{suffix}"


def digest_in(key: str) -> str:
    """The sha256 that a key spells. Raises ValueError for anything that is not an artifact key."""
    if not _KEY.fullmatch(key):
        raise ValueError("not an artifact key")
    _, head, tail = key.split("/")
    return head + tail.partition(".")[0]


@dataclass(frozen=True, slots=True)
class ContentFacts:
    """What content is now, whatever its address promises."""

    sha256: str
    size_bytes: int


async def content_facts(store: ArtifactStore, key: str) -> ContentFacts:
    """Hash and size of the content, read in full. Raises ArtifactMissing."""
    running, size_bytes = sha256(), 0
    async for chunk in store.read(key):
        running.update(chunk)
        size_bytes += len(chunk)
    return ContentFacts(running.hexdigest(), size_bytes)
