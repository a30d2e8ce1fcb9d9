"""Keys in memory, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.fixtures.master_key import MASTER_KEYS


class MemoryKeyStore:
    """Stores keys in a dictionary; None stands for an erased key. It wraps what is to be archived.

    Keys in `damaged` are stored, but their bytes were changed.
    """

    def __init__(self) -> None:
        self._keys: dict[str, bytes | None] = {}
        self.damaged: set[str] = set()

    async def create(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        current = {key_id: self._keys.setdefault(key_id, key) for key_id, key in keys.items()}
        return {key_id: key for key_id, key in current.items() if key is not None}

    async def get(self, key_id: str) -> bytes | None:
        key = self._keys.get(key_id)
        return None if key is None else self.unwrap(key_id, self._wrapped(key_id, key))

    async def get_many(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        found = {key_id: self._keys.get(key_id) for key_id in key_ids if key_id not in self.damaged}
        return {key_id: key for key_id, key in found.items() if key is not None}

    async def get_wrapped(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        found = {key_id: self._keys.get(key_id) for key_id in key_ids}
        return {key_id: self._wrapped(key_id, key) for key_id, key in found.items() if key is not None}

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        return MASTER_KEYS.unwrap(key_id, wrapped)

    async def erase(self, key_id: str) -> None:
        self._keys[key_id] = None

    async def discard(self, key_ids: Sequence[str], *, overwrite: bool = False) -> None:
        for key_id in key_ids:
            if self._keys.get(key_id) is not None:
                del self._keys[key_id]

    def _wrapped(self, key_id: str, key: bytes) -> bytes:
        wrapped = MASTER_KEYS.wrap(key_id, key)
        return wrapped[:-1] + bytes([wrapped[-1] ^ 1]) if key_id in self.damaged else wrapped
