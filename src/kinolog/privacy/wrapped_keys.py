"""A key store that holds wrapped keys only. It wraps what it stores and unwraps what it reads."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from kinolog.ports.keys import KeyStore
from kinolog.privacy.master_keys import KeyNotUnwrapped, MasterKeys, MasterKeyUnusable
from kinolog.privacy.sealer import KEY_BYTES
from kinolog.process.logs import fields

logger = logging.getLogger(__name__)

MARK = "master-key"
"""Key id of the mark: zeros, wrapped under the master key that wraps all keys. It is no key of a job."""

_MARKED = bytes(KEY_BYTES)


class WrappedKeyStore:
    """Wraps the keys of another store. It passes tests/contract/test_keys.py like the store itself.

    `get` raises `KeyNotUnwrapped` for a key that another master key wraps or whose bytes were changed. `get_many`
    leaves it out like a missing one, so that it hides no text of another job.
    """

    def __init__(self, store: KeyStore, master_keys: MasterKeys) -> None:
        self._store = store
        self._master_keys = master_keys
        self._unreadable: set[str] = set()

    @property
    def head(self) -> bytes:
        """What every key begins with that the first master key wraps."""
        return self._master_keys.head

    async def check(self) -> bool:
        """Return whether all stored keys are wrapped under the first master key.

        Raises `MasterKeyUnusable` if this process lacks the master key that wraps them.
        """
        mark = await self._store.get(MARK)
        if mark is None:
            return False
        try:
            self._master_keys.unwrap(MARK, mark)
        except KeyNotUnwrapped as error:
            raise MasterKeyUnusable(
                f"the stored keys need another master key than the configured ones ({error}). Give this process the "
                "master key of this installation: KINOLOG_MASTER_KEY_FILE, KINOLOG_MASTER_KEY or "
                "KINOLOG_MASTER_KEY_COMMAND"
            ) from None
        return self._master_keys.is_current(mark)

    async def create(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        wrapped = {key_id: self._master_keys.wrap(key_id, key) for key_id, key in keys.items()}
        stored = await self._store.create(wrapped)
        return {
            key_id: keys[key_id] if value == wrapped[key_id] else self._master_keys.unwrap(key_id, value)
            for key_id, value in stored.items()
        }

    async def mark(self) -> None:
        """Note that all stored keys are wrapped under the first master key, if no mark exists yet."""
        await self.create({MARK: _MARKED})

    async def get(self, key_id: str) -> bytes | None:
        wrapped = await self._store.get(key_id)
        return None if wrapped is None else self._master_keys.unwrap(key_id, wrapped)

    async def get_many(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        keys = {}
        for key_id, wrapped in (await self._store.get_many(key_ids)).items():
            try:
                keys[key_id] = self._master_keys.unwrap(key_id, wrapped)
            except KeyNotUnwrapped as error:
                self._report(key_id, error)
        return keys

    async def get_wrapped(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        found = await self._store.get_many(key_ids)
        return {key_id: self._wrapped(key_id, value) for key_id, value in found.items()}

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        return self._master_keys.unwrap(key_id, wrapped)

    async def erase(self, key_id: str) -> None:
        await self._store.erase(key_id)

    async def discard(self, key_ids: Sequence[str], *, overwrite: bool = False) -> None:
        await self._store.discard(key_ids, overwrite=overwrite)

    def _report(self, key_id: str, error: KeyNotUnwrapped) -> None:
        """Log a key that cannot be read, once."""
        if key_id not in self._unreadable:
            self._unreadable.add(key_id)
            logger.error("a key cannot be read: %s", error, extra=fields("unreadable_key", key=key_id))

    def _wrapped(self, key_id: str, stored: bytes) -> bytes:
        """Return a stored key as it is; one of an earlier version is wrapped first."""
        return self._master_keys.wrap(key_id, stored) if len(stored) == KEY_BYTES else stored
