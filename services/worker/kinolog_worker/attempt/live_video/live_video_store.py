"""The live video of an attempt: from its file into the store, sealed, part by part."""

from __future__ import annotations

import asyncio
import logging

from kinolog.job.values import Status
from kinolog.ports.artifacts import job_folder
from kinolog.privacy.live_video_parts import LiveVideoSealer
from kinolog.privacy.sealer import Sealer
from kinolog_worker.attempt.attempt_recorder import AttemptRecorder
from kinolog_worker.attempt.lease import Lease
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.live_video.live_video_message import LiveVideoMessage

logger = logging.getLogger(__name__)

PART_BYTES = 1 << 20
"""Bytes of a part at most."""

DELETE_SECONDS = 10.0
"""How long an attempt waits for a store that deletes its parts. The api deletes what is left."""


class LiveVideoStore:
    """Stores the live video of one attempt. Its troubles end the live video, and never the attempt.

    Where the store is slower than the video grows, parts are larger. They stay when the job is completed, so that
    whoever reads them comes to their end; the api deletes them then. Those of an attempt that ends in another way are
    deleted with it.
    """

    def __init__(
        self, dependencies: WorkerDependencies, lease: Lease, recorder: AttemptRecorder, sealer: Sealer
    ) -> None:
        self._videos = dependencies.live_videos
        self._lease = lease
        self._recorder = recorder
        self._sealer = LiveVideoSealer(sealer, lease.attempt)
        self._folder = job_folder(lease.job.tenant, lease.job.id)
        self._storing = asyncio.Lock()
        self._grown: LiveVideoMessage | None = None
        self._stored_bytes = 0
        self._parts = 0
        self._is_ended = False

    async def store(self, grown: LiveVideoMessage) -> None:
        """Store what the file has and the store has not."""
        self._grown = grown
        async with self._storing:
            if self._is_ended or grown is not self._grown:  # a newer message stores it all
                return
            if not self._parts and self._lease.attempt > 1:
                await self._delete_up_to(self._lease.attempt - 1)
            try:
                await self._store_rest(grown)
            except Exception as error:
                kind = type(error).__name__
                logger.warning("the live video of job %s ends here: %s", self._lease.job.id, kind)
                self._recorder.progress.put_log_line("WARNING", f"the live video ends here ({kind})")
                self._is_ended = True

    async def end(self) -> None:
        """Delete the live video, unless the job is completed."""
        self._is_ended = True
        if self._parts and self._lease.job.status is not Status.COMPLETED:
            await self._delete_up_to(self._lease.attempt)

    async def _store_rest(self, grown: LiveVideoMessage) -> None:
        while not self._is_ended:
            content = await asyncio.to_thread(self._next_bytes, grown)
            if not content and not grown.is_complete:
                return
            sealed = self._sealer.seal(content, self._parts)
            await self._videos.put(self._folder, self._lease.attempt, self._parts, sealed)
            self._parts += 1
            self._stored_bytes += len(content)
            self._is_ended = not content
            self._recorder.progress.put_again()  # who reads the live video looks for more

    def _next_bytes(self, grown: LiveVideoMessage) -> bytes:
        with grown.path.open("rb") as file:
            file.seek(self._stored_bytes)
            return file.read(min(PART_BYTES, grown.size_bytes - self._stored_bytes))

    async def _delete_up_to(self, last: int) -> None:
        """Delete what this attempt and earlier ones left. What cannot be deleted now is deleted by the api."""
        try:
            async with asyncio.timeout(DELETE_SECONDS):
                for attempt in await self._videos.attempts(self._folder):
                    if attempt <= last:
                        await self._videos.delete(self._folder, attempt)
        except Exception as error:
            logger.warning("a live video of job %s is left: %s", self._lease.job.id, type(error).__name__)
