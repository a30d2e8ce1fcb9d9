"""Port: the keys that seal personal data. They can be deleted and are not in the log. See docs/decisions/0002."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from kinolog.ports.event_store import LogUnavailable


class KeyErased(Exception):
    """The key of the job is erased, so what it sealed cannot be read."""


class KeyMissing(LogUnavailable):
    """The key store does not hold the key of a job that is not erased. The job waits until the key is restored."""

    def __init__(self, job_id: str, key_id: str) -> None:
        super().__init__(
            f"the key {key_id} of job {job_id} is missing although the job is not erased: restore the keys "
            "from the archive (docs/running.md, Keys are lost)"
        )
        self.job_id = job_id


class KeyStore(Protocol):
    """Stores keys by id. A job names the key that seals its texts.

    An adapter stores bytes of any length; kinolog.privacy.wrapped_keys wraps the keys, of 32 bytes, before.

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
        """Return many keys by id; missing, unreadable and erased ones are left out."""
        ...

    async def erase(self, key_id: str) -> None:
        """Delete a key with its earlier revisions; its id cannot be used again. Erasing twice is no error."""
        ...

    async def discard(self, key_ids: Sequence[str], *, overwrite: bool = False) -> None:
        """Delete keys that have sealed nothing that is still stored. Unlike after `erase`, their ids can be used again.

        `overwrite` also overwrites them where they were stored, as `erase` does.
        """
        ...


class JobKeys(Protocol):
    """The keys of jobs, as one worker gets them. See decision 113.

    Every method raises `LogUnavailable` if nobody answers, and for a job that has ended or is not in the log.
    """

    @property
    def public_key(self) -> bytes:
        """The key of this worker, for which keys of jobs are encrypted. The start of an attempt states it."""
        ...

    async def is_stored(self, job_id: str) -> bool:
        """Return whether the key of a job is stored."""
        ...

    async def of_attempt(self, job_id: str, attempt: int) -> bytes | None:
        """Return the key of the job of an attempt that runs; None if none is stored.

        Raises `LogUnavailable` unless the log says that this worker runs the attempt.
        """
        ...

    async def of_prefetch(self, job_id: str) -> bytes | None:
        """Return the key of a queued job; None if none is stored.

        Raises `LogUnavailable` unless the log says that a prefetch for the job was requested and has not finished.
        """
        ...


class ArchivableKeyStore(KeyStore, Protocol):
    """A key store whose keys can be copied without being revealed: for the archive and for backups."""

    async def get_wrapped(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        """Return many keys by id, wrapped under a master key; missing and erased ones are left out."""
        ...

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """Return the key in wrapped form. Raises `LogUnavailable` if no master key of this process wraps it."""
        ...
