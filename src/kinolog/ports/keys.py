"""Port: the keys under which personal data is sealed. Deletable, and outside the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class KeyErased(Exception):
    """The key of this job was erased, and with it what was sealed under it."""


class KeyStore(Protocol):
    """One 32-byte key per job. Every adapter passes tests/contract/test_keys.py."""

    async def create(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        """Store keys by job id, durably. A job that has a key keeps it; answers the keys that now hold.

        Jobs whose key was erased are left out of the answer.
        """
        ...

    async def get(self, job_id: str) -> bytes | None:
        """The key of a job; None when it was erased or never was."""
        ...

    async def get_many(self, job_ids: Sequence[str]) -> dict[str, bytes]:
        """The keys of many jobs; those without one are left out."""
        ...

    async def erase(self, job_id: str) -> None:
        """Delete the key for good, earlier revisions too. Erasing twice is no error."""
        ...
