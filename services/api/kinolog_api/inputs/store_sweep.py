"""Deletes what is left in the artifact store.

Expired uploads, live videos that have ended, and files of dead writers and interrupted submits.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from kinolog.ports.artifacts import ArtifactStore, job_in
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.process.logs import fields
from kinolog_api.inputs.live_video_sweep import LiveVideoSweep
from kinolog_api.inputs.uploads import SUFFIX, Uploads

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 600.0
"""Pause between two sweeps."""

STALE_SECONDS = 24 * 3600.0
"""Age at which staged content counts as left over from a writer that died."""


class StoreSweep:
    """Sweeps both areas of the store."""

    def __init__(
        self,
        uploads: Uploads,
        artifacts: ArtifactStore,
        live_videos: LiveVideoSweep,
        store: EventStore,
        clock: Clock,
    ) -> None:
        self._uploads = uploads
        self._live_videos = live_videos
        self._artifacts = artifacts
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Sweep again and again, until it is cancelled. A store that is away is swept later."""
        while True:
            try:
                await self.sweep()
            except Exception as error:
                extra = fields("sweep_failed", error=type(error).__name__)
                logger.warning("the artifact store cannot be swept now; retrying", extra=extra)
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Sweep once. Raises `ArtifactsUnavailable`, `LogUnavailable`."""
        expired = await self._uploads.sweep(STALE_SECONDS)
        copies = sum(
            [await self._sweep_job(folder) for folder in await self._artifacts.staged_before(STALE_SECONDS)]
        )
        live = await self._live_videos.sweep()
        staged = await self._artifacts.sweep(STALE_SECONDS)
        if expired or copies or staged or live:
            extra = fields("swept", expired=expired, copies=copies, staged=staged, live=live)
            logger.info(
                "deleted expired uploads, live videos that ended, and what dead writers left in the artifact store",
                extra=extra,
            )

    async def _sweep_job(self, folder: str) -> int:
        """Delete the sealed files in a folder that no job in the log names. Return the number of deletions.

        They are checkpoints of workers that died before their job ended, and copies of uploads: a submit may have been
        interrupted before its commit, or after another one had made the same job. Newer copies may be of a submit in
        progress. They stay until they are as old.
        """
        try:
            loaded = await self._store.load(job_in(folder))
        except DamagedLog:  # the job may be one that the log has lost
            return 0
        named = set()
        if loaded and not loaded.job.erased:
            named = {one.file.key for one in loaded.job.spec.inputs}
            if loaded.job.checkpoint is not None:
                named.add(loaded.job.checkpoint.key)
        limit = self._clock() - timedelta(seconds=STALE_SECONDS)
        return sum(
            [
                await self._artifacts.delete(key)
                for key in await self._artifacts.keys_of(folder)
                if key.endswith(SUFFIX) and key not in named and await self._is_older(key, limit)
            ]
        )

    async def _is_older(self, key: str, limit: datetime) -> bool:
        stat = await self._artifacts.head(key)
        return stat is not None and stat.modified_at <= limit
