"""The keys of jobs as workers get them: one at a time, for the attempt that they run. See decision 113."""

from __future__ import annotations

from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.event_store import EventStore, LogUnavailable
from kinolog.ports.keys import KeyStore


class StoredJobKeys:
    """Keys of the key store, found by job. It trusts the log alone.

    A caller cannot ask for a key by its id, and no caller is believed that it holds a job.

    Every method raises `LogUnavailable`, also for a job that has ended or is not in the log: who asks has an older
    state of it.
    """

    def __init__(self, store: EventStore, keys: KeyStore) -> None:
        self._store = store
        self._keys = keys

    async def is_stored(self, job_id: str) -> bool:
        """Return whether the key of a job is stored."""
        return await self._key(await self._job(job_id)) is not None

    async def of_attempt(self, job_id: str, attempt: int, public_key: bytes) -> bytes | None:
        """Return the key of the job of an attempt that runs, which must have stated `public_key` as it started.

        Return None if the key is not stored.
        """
        job = await self._job(job_id)
        holds = (job.status, job.attempt, job.worker_key) == (Status.PROCESSING, attempt, public_key)
        if not (holds and public_key):
            raise LogUnavailable(
                f"this worker does not run attempt {attempt} of job {job_id}: no key is given to it"
            )
        return await self._key(job)

    async def of_prefetch(self, job_id: str) -> bytes | None:
        """Return the key of a queued job for which prefetch was requested and has not finished; None if not stored."""
        job = await self._job(job_id)
        if job.status is not Status.QUEUED or not job.prefetch_requested:
            raise LogUnavailable(f"no prefetch is requested for job {job_id}: no key is given for it")
        return await self._key(job)

    async def _job(self, job_id: str) -> Job:
        loaded = await self._store.load(job_id)
        if loaded is None or loaded.job.status.terminal:
            raise LogUnavailable(f"job {job_id} has ended, or is not in the log: no worker needs its key")
        return loaded.job

    async def _key(self, job: Job) -> bytes | None:
        return await self._keys.get(job.sealing_key_id)
