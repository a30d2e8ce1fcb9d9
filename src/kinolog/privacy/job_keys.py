"""The keys of jobs as workers get them: one at a time, of jobs that have not ended. See decision 113."""

from __future__ import annotations

from kinolog.ports.event_store import EventStore, LogUnavailable
from kinolog.ports.keys import KeyStore


class StoredJobKeys:
    """Keys of the key store, found by job. It trusts the log alone: a caller cannot ask for a key by its id."""

    def __init__(self, store: EventStore, keys: KeyStore) -> None:
        self._store = store
        self._keys = keys

    async def of_job(self, job_id: str) -> bytes | None:
        """Return the key of a job that has not ended; None if none is stored.

        Raises `LogUnavailable`, also for a job that has ended or is not in the log: who asks has an older state of it.
        """
        loaded = await self._store.load(job_id)
        if loaded is None or loaded.job.status.terminal:
            raise LogUnavailable(f"job {job_id} has ended, or is not in the log: no worker needs its key")
        return await self._keys.get(loaded.job.sealing_key_id)
