"""Port: the keys under which personal data is sealed. Deletable, and outside the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class KeyErased(Exception):
    """The key of this job was erased, and with it what was sealed under it."""


class KeyStore(Protocol):
    """Keys of 32 bytes by their ids; a job names the one that seals its texts.

    Every adapter passes tests/contract/test_keys.py.
    """

    async def create(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        """Store keys by id, durably. An id that has a key keeps it; answers the keys that now hold.

        Ids whose key was erased are left out of the answer.
        """
        ...

    async def get(self, key_id: str) -> bytes | None:
        """A key; None when it was erased or never was."""
        ...

    async def get_many(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        """Many keys by id; those that are not there are left out."""
        ...

    async def erase(self, key_id: str) -> None:
        """Delete the key for good, earlier revisions too. Erasing twice is no error."""
        ...

    async def discard(self, key_ids: Sequence[str]) -> None:
        """Delete keys that have sealed nothing. Unlike `erase` it leaves no mark that keeps their ids from use."""
        ...
