"""Deletes live videos that nobody draws any more."""

from __future__ import annotations

from kinolog.job.values import Status
from kinolog.ports.artifacts import job_in
from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.ports.live_video.parts import LiveVideos

READ_SECONDS = 60.0
"""How long a live video that has ended stays at least, for those who read it."""


class LiveVideoSweep:
    """Finds live videos of jobs that have ended, and of attempts that have."""

    def __init__(self, videos: LiveVideos, store: EventStore) -> None:
        self._videos = videos
        self._store = store

    async def sweep(self) -> int:
        """Delete them. Return the number of deleted parts. Raises `ArtifactsUnavailable`, `LogUnavailable`."""
        return sum([await self._sweep_job(folder) for folder in await self._videos.still_for(READ_SECONDS)])

    async def _sweep_job(self, folder: str) -> int:
        found = await self._videos.attempts(folder)  # first: one that begins later is not among them
        try:
            loaded = await self._store.load(job_in(folder))
        except DamagedLog:  # the job may be one that the log has lost
            return 0
        job = loaded.job if loaded is not None else None
        drawn = job.attempt if job is not None and job.status is Status.PROCESSING else 0
        return sum([await self._videos.delete(folder, attempt) for attempt in found if attempt != drawn])
