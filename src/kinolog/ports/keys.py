"""Port: the keys that seal personal data. They can be deleted and are not in the log. See docs/decisions/0002."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class KeyErased(Exception):
    """The key of the job is erased, so what it sealed cannot be read."""


class KeyStore(Protocol):
    """Stores keys of 32 bytes by id. A job names the key that seals its texts.

    Every method raises `LogUnavailable` if the store does not answer. Every adapter passes tests/contract/test_keys.py.
    """

    async def create(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        """Store keys by id, durably. An id that has a key keeps it. Return the key that each id now has.

        Ids whose key is erased are not in the result.
        """
        ...

    async def get(self, key_id: str) -> bytes | None:
        """Return a key; None if it is erased or was never stored."""
        ...

    async def get_many(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        """Return many keys by id; missing and erased ones are left out."""
        ...

    async def erase(self, key_id: str) -> None:
        """Delete a key with its earlier revisions; its id cannot be used again. Erasing twice is no error."""
        ...

    async def discard(self, key_ids: Sequence[str]) -> None:
        """Delete keys that have sealed nothing. Unlike after `erase`, their ids can be used again."""
        ...
