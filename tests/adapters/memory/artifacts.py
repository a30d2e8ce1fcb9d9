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
        stored = self._artifacts.get(key)
        if stored is not None and len(stored) != staged.size_bytes:
            raise ArtifactDamaged(key)
        if stored is None:
            if staged.temporary_key not in self._temporaries:
                raise ArtifactMissing(staged.temporary_key)
            self._artifacts[key] = self._temporaries[staged.temporary_key][1]
        self._temporaries.pop(staged.temporary_key, None)
        return StoredArtifact(
            key=key, sha256=staged.sha256, size_bytes=staged.size_bytes, created=stored is None
        )

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
        wanted = self._artifacts[key][start:end]
        for offset in range(0, len(wanted), _CHUNK_BYTES):
            yield wanted[offset : offset + _CHUNK_BYTES]

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
