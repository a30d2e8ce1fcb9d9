"""The artifact store in memory, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from obstore.store import MemoryStore

from kinolog.adapters.obstore.live_videos import ObstoreLiveVideos
from kinolog.ports.artifacts import (
    ArtifactDamaged,
    ArtifactMissing,
    ArtifactStat,
    ContentFacts,
    StagedContent,
    StoreArea,
    StoredArtifact,
    address,
    digest_in,
    key_prefix,
    key_prefixes,
)
from kinolog.ports.clock import Clock, system_clock

_CHUNK_BYTES = 256 * 1024


class MemoryArtifacts:
    """Stores artifacts in a dictionary. `clock` says when content was stored."""

    def __init__(self, area: StoreArea = StoreArea.JOBS, clock: Clock = system_clock) -> None:
        self._area = area
        self._clock = clock
        self._artifacts: dict[str, bytes] = {}
        self._times: dict[str, datetime] = {}
        """When staged and committed content was written, by key. What a test puts in by itself has no time."""
        self._temporaries: dict[str, bytes] = {}
        self.live_videos = ObstoreLiveVideos(MemoryStore())
        """Those of the same store."""

    async def stage(self, content: Path | AsyncIterable[bytes], folder: str) -> StagedContent:
        if isinstance(content, Path):
            data = await asyncio.to_thread(content.read_bytes)
        else:
            data = b"".join([chunk async for chunk in content])
        key = f"tmp/{key_prefix(folder, self._area)}/{uuid4().hex}"
        self._temporaries[key] = data
        self._times[key] = self._clock()
        return StagedContent(
            folder=folder, temporary_key=key, sha256=sha256(data).hexdigest(), size_bytes=len(data)
        )

    async def commit(
        self, staged: StagedContent, suffix: str, *, keep_staged: bool = False
    ) -> StoredArtifact:
        key = address(staged.folder, staged.sha256, suffix, self._area)
        intact = self._is_intact(key)
        if not intact:
            if staged.temporary_key not in self._temporaries:
                raise (
                    ArtifactDamaged(key) if key in self._artifacts else ArtifactMissing(staged.temporary_key)
                )
            self._artifacts[key] = self._temporaries[staged.temporary_key]
            self._times[key] = self._times[staged.temporary_key]
        if not keep_staged:
            self._temporaries.pop(staged.temporary_key, None)
        return StoredArtifact(key=key, sha256=staged.sha256, size_bytes=staged.size_bytes, created=not intact)

    async def discard(self, staged: StagedContent) -> None:
        self._temporaries.pop(staged.temporary_key, None)

    async def head(self, key: str) -> ArtifactStat | None:
        digest_in(key)
        data = self._artifacts.get(key)
        return None if data is None else ArtifactStat(key, len(data), self._times.get(key) or self._clock())

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        digest_in(key)
        if key not in self._artifacts:
            raise ArtifactMissing(key)
        if not self._is_intact(key):
            raise ArtifactDamaged(key)
        wanted = self._artifacts[key][start:end]
        for offset in range(0, len(wanted), _CHUNK_BYTES):
            yield wanted[offset : offset + _CHUNK_BYTES]

    async def measure(self, key: str) -> ContentFacts:
        digest_in(key)
        if key not in self._artifacts:
            raise ArtifactMissing(key)
        content = self._artifacts[key]
        return ContentFacts(sha256(content).hexdigest(), len(content))

    def replace(self, key: str, content: bytes | None) -> None:
        """Change the content under a key as a damaged disk does; None removes it."""
        if content is None:
            del self._artifacts[key]
        else:
            self._artifacts[key] = content

    async def delete(self, key: str) -> bool:
        digest_in(key)
        return self._artifacts.pop(key, None) is not None

    async def keys_of(self, folder: str) -> list[str]:
        prefixes = tuple(f"{prefix}/" for prefix in key_prefixes(folder, self._area))
        stored = [*self._artifacts, *self._temporaries]
        return sorted(key for key in stored if key.removeprefix("tmp/").startswith(prefixes))

    async def delete_all(self, folder: str) -> int:
        keys = await self.keys_of(folder)
        for key in keys:
            self._artifacts.pop(key, None)
            self._temporaries.pop(key, None)
        return len(keys)

    async def staged_before(self, older_than_seconds: float) -> list[str]:
        old = self._old(self._temporaries, older_than_seconds)
        return sorted({key.removeprefix(f"tmp/{self._area}/").rpartition("/")[0] for key in old})

    async def committed_before(self, older_than_seconds: float) -> list[str]:
        return self._old(self._artifacts, older_than_seconds)

    async def committed_bytes(self, start: str) -> int:
        begins = f"{self._area}/{start}"
        return sum(len(content) for key, content in self._artifacts.items() if key.startswith(begins))

    async def sweep(self, older_than_seconds: float) -> int:
        old = self._old(self._temporaries, older_than_seconds)
        for key in old:
            del self._temporaries[key]
        return len(old)

    def _old(self, keys: Iterable[str], older_than_seconds: float) -> list[str]:
        limit = self._clock() - timedelta(seconds=older_than_seconds)
        return sorted(key for key in keys if self._times.get(key, limit) <= limit)

    def _is_intact(self, key: str) -> bool:
        content = self._artifacts.get(key)
        return content is not None and sha256(content).hexdigest() == digest_in(key)
