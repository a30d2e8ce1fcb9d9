"""Keys in memory, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.fixtures.master_key import MASTER_KEYS


class MemoryKeyStore:
    """Stores keys in a dictionary; None stands for an erased key. It wraps what is to be archived."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes | None] = {}

    async def create(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        current = {key_id: self._keys.setdefault(key_id, key) for key_id, key in keys.items()}
        return {key_id: key for key_id, key in current.items() if key is not None}

    async def get(self, key_id: str) -> bytes | None:
        return self._keys.get(key_id)

    async def get_many(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        found = {key_id: self._keys.get(key_id) for key_id in key_ids}
        return {key_id: key for key_id, key in found.items() if key is not None}

    async def get_wrapped(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        found = await self.get_many(key_ids)
        return {key_id: MASTER_KEYS.wrap(key_id, key) for key_id, key in found.items()}

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        return MASTER_KEYS.unwrap(key_id, wrapped)

    async def erase(self, key_id: str) -> None:
        self._keys[key_id] = None

    async def discard(self, key_ids: Sequence[str]) -> None:
        for key_id in key_ids:
            if self._keys.get(key_id) is not None:
                del self._keys[key_id]
