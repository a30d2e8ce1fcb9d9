"""Keys in memory: for tests and for trying things out. Nothing outlives the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class MemoryKeyStore:
    """Keeps keys in a dictionary; None stands for a key that was erased."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes | None] = {}

    async def create(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        holding = {job_id: self._keys.setdefault(job_id, key) for job_id, key in keys.items()}
        return {job_id: key for job_id, key in holding.items() if key is not None}

    async def get(self, job_id: str) -> bytes | None:
        return self._keys.get(job_id)

    async def get_many(self, job_ids: Sequence[str]) -> dict[str, bytes]:
        found = {job_id: self._keys.get(job_id) for job_id in job_ids}
        return {job_id: key for job_id, key in found.items() if key is not None}

    async def erase(self, job_id: str) -> None:
        self._keys[job_id] = None
