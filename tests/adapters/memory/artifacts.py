"""The artifact store in memory, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from hashlib import sha256
from pathlib import Path
from time import monotonic
from uuid import uuid4

from kinolog.ports.artifacts import (
    ArtifactDamaged,
    ArtifactMissing,
    ArtifactStat,
    ContentFacts,
    StagedContent,
    StoredArtifact,
    address,
    digest_in,
    folder_of,
)

_CHUNK_BYTES = 256 * 1024


class MemoryArtifacts:
    """Stores artifacts in a dictionary."""

    def __init__(self) -> None:
        self._artifacts: dict[str, bytes] = {}
        self._temporaries: dict[str, tuple[float, bytes]] = {}

    async def stage(self, content: Path | AsyncIterable[bytes], job_id: str) -> StagedContent:
        if isinstance(content, Path):
            data = await asyncio.to_thread(content.read_bytes)
        else:
            data = b"".join([chunk async for chunk in content])
        key = f"tmp/{folder_of(job_id)}/{uuid4().hex}"
        self._temporaries[key] = (monotonic(), data)
        return StagedContent(
            job_id=job_id, temporary_key=key, sha256=sha256(data).hexdigest(), size_bytes=len(data)
        )

    async def commit(self, staged: StagedContent, suffix: str) -> StoredArtifact:
        key = address(staged.job_id, staged.sha256, suffix)
        intact = self._is_intact(key)
        if not intact:
            if staged.temporary_key not in self._temporaries:
                raise (
                    ArtifactDamaged(key) if key in self._artifacts else ArtifactMissing(staged.temporary_key)
                )
            self._artifacts[key] = self._temporaries[staged.temporary_key][1]
        self._temporaries.pop(staged.temporary_key, None)
        return StoredArtifact(key=key, sha256=staged.sha256, size_bytes=staged.size_bytes, created=not intact)

    async def discard(self, staged: StagedContent) -> None:
        self._temporaries.pop(staged.temporary_key, None)

    async def head(self, key: str) -> ArtifactStat | None:
        digest_in(key)
        data = self._artifacts.get(key)
        return None if data is None else ArtifactStat(key, len(data))

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

    async def keys_of(self, job_id: str) -> list[str]:
        folder = f"{folder_of(job_id)}/"
        stored = [*self._artifacts, *self._temporaries]
        return sorted(key for key in stored if key.removeprefix("tmp/").startswith(folder))

    async def delete_all(self, job_id: str) -> int:
        keys = await self.keys_of(job_id)
        for key in keys:
            self._artifacts.pop(key, None)
            self._temporaries.pop(key, None)
        return len(keys)

    async def sweep(self, older_than_seconds: float) -> int:
        limit = monotonic() - older_than_seconds
        old = [key for key, (staged_at, _) in self._temporaries.items() if staged_at <= limit]
        for key in old:
            del self._temporaries[key]
        return len(old)

    def _is_intact(self, key: str) -> bool:
        content = self._artifacts.get(key)
        return content is not None and sha256(content).hexdigest() == digest_in(key)
