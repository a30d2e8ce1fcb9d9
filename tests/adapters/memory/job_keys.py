"""The keys of jobs as one worker gets them, without a broker between."""

from __future__ import annotations

from kinolog.privacy.job_keys import StoredJobKeys


class MemoryJobKeys:
    """Keys of `stored` for the worker with a public key."""

    def __init__(self, stored: StoredJobKeys, public_key: bytes = b"a worker") -> None:
        self._stored = stored
        self.public_key = public_key

    async def is_stored(self, job_id: str) -> bool:
        return await self._stored.is_stored(job_id)

    async def of_attempt(self, job_id: str, attempt: int) -> bytes | None:
        return await self._stored.of_attempt(job_id, attempt, self.public_key)

    async def of_prefetch(self, job_id: str) -> bytes | None:
        return await self._stored.of_prefetch(job_id)
