"""The job that another one reproduces: its record from the log, and its video from the artifact store.

Trouble with either never fails the reproduction: the comparison says why it has no figures.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from kinolog.job.reproduction import ComparedOriginal
from kinolog.job.state import Job
from kinolog.job.values import Artifact, ArtifactKind, Runtime
from kinolog.ports.artifacts import ArtifactDamaged, ArtifactMissing, ArtifactStore, ArtifactsUnavailable
from kinolog.ports.event_store import DamagedLog, EventStore, LogUnavailable
from kinolog_worker.attempt.artifact_files import write_pieces
from kinolog_worker.inference.messages import FinishedMessage
from kinolog_worker.media.comparison.frame_comparison import OriginalVideo

logger = logging.getLogger(__name__)

NO_RECORD = "the record of the original cannot be read"
NO_VIDEO = "the video of the original is no longer stored"
DAMAGED = "the video of the original is damaged where it is stored"
AWAY = "the store of the original's video does not answer"
NO_ROOM = "the video of the original cannot be written beside the new one"

_VIDEO_NAME = "original.mp4"


class ReproducedJob:
    """The job that an attempt at another one reproduces, if it reproduces one."""

    def __init__(self, store: EventStore, artifacts: ArtifactStore, reproduces: str) -> None:
        self._store = store
        self._artifacts = artifacts
        self._job_id = reproduces
        self._job: Job | None = None
        self._trouble = ""

    async def fetch(self, folder: Path) -> OriginalVideo | None:
        """Read the record of the job, and download its video into `folder`. None if there is none to compare with."""
        if not self._job_id:
            return None
        try:
            loaded = await self._store.load(self._job_id)
        except (DamagedLog, LogUnavailable) as error:
            logger.warning("%s: %s", NO_RECORD, error)
            loaded = None
        if loaded is None or loaded.job.media is None:
            self._trouble = NO_RECORD
            return None
        self._job = loaded.job
        frame_hash = loaded.job.media.frame_hash
        path = await self._downloaded(loaded.job, folder / _VIDEO_NAME)
        return None if path is None else OriginalVideo(path=path, frame_hash=frame_hash)

    def compared(self, finished: FinishedMessage) -> ComparedOriginal | None:
        """Return what is to be recorded of the comparison with a finished video. None if there is no original."""
        if not self._job_id:
            return None
        job, media = self._job, self._job.media if self._job else None
        if job is None or media is None:
            return ComparedOriginal(
                job_id=self._job_id, frame_hash="", runtime=Runtime(), trouble=self._trouble
            )
        identical = media.frame_hash == finished.media.frame_hash
        return ComparedOriginal(
            job_id=self._job_id,
            frame_hash=media.frame_hash,
            runtime=job.attempts[-1].runtime if job.attempts else Runtime(),
            frames=finished.compared.comparison,
            trouble="" if identical else self._trouble or finished.compared.trouble,
        )

    async def _downloaded(self, job: Job, path: Path) -> Path | None:
        """Write the video of the job to `path`. Return None, and note why, if that cannot be done."""
        video = _video_of(job)
        try:
            if video is None:
                raise ArtifactMissing(job.id)
            await write_pieces(self._artifacts.read(video.key), path)
        except ArtifactMissing:
            self._trouble = NO_VIDEO
        except ArtifactDamaged:
            self._trouble = DAMAGED
        except ArtifactsUnavailable:
            self._trouble = AWAY
        except OSError:
            self._trouble = NO_ROOM
        if self._trouble:
            logger.warning("job %s: %s", job.id, self._trouble)
            await asyncio.to_thread(path.unlink, missing_ok=True)
            return None
        return path


def _video_of(job: Job) -> Artifact | None:
    return next((one for one in job.artifacts if one.kind is ArtifactKind.VIDEO), None)
