"""One run of a job whose renderer delivers a finished file. The file is read, and stored as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from kinolog.counts import counted
from kinolog.durable_files import PRIVATE_FOLDER
from kinolog_worker.inference.messages import (
    FinishedMessage,
    LoadedMessage,
    Message,
    RenderJob,
    StepMessage,
)
from kinolog_worker.inference.postprocess.clip_finish import clip_files
from kinolog_worker.inference.stage_messages import StageMessages
from kinolog_worker.media.comparison.frame_comparison import compare_with
from kinolog_worker.media.delivered.delivered_video import delivered_video
from kinolog_worker.media.video_check import MediaInvalid, VerifiedMedia
from kinolog_worker.renderers.registry import file_renderer_named
from kinolog_worker.renderers.renderer import RenderCancelled, RenderFailed, StepReport

logger = logging.getLogger(__name__)


class FileJob:
    """Renders one job. `send` passes messages to the supervisor; `should_stop` returns True once it is cancelled."""

    def __init__(
        self, job: RenderJob, send: Callable[[Message], None], should_stop: Callable[[], bool]
    ) -> None:
        self._job = job
        self._send = send
        self._should_stop = should_stop
        self._stages = StageMessages(job.job_id, send)

    def draw(self) -> Callable[[], FinishedMessage]:
        """Get the file. Return the rest of the work, which returns the closing message.

        Raises RenderCancelled and RenderFailed.
        """
        job = self._job
        if len(job.scenes) != 1 or job.is_postprocessed or job.loras:
            problem = (
                f"{job.model.name} makes one scene, with neither LoRAs nor other frames than it delivers"
            )
            raise RenderFailed("REQUEST_UNSUPPORTED", problem, retryable=False)
        job.folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        video = job.folder / "video.mp4"
        self._stages.start("prefetch")
        renderer = file_renderer_named(job.model.renderer)
        try:
            facts = renderer.load(job.model, "")
            self._send(LoadedMessage(job_id=job.job_id, facts=facts, cached=True))
            self._stages.finish()
            self._stages.start("denoise", 0)
            renderer.render_file(job.request(job.scenes[0]), video, self._observe, self._should_stop)
            self._stages.finish()
        finally:
            renderer.close()
        self._stages.start("assemble")
        return lambda: self._finished(video)

    def _observe(self, report: StepReport) -> None:
        self._send(
            StepMessage(
                job_id=self._job.job_id, stage=report.stage, scene=0, step=report.step, steps=report.steps
            )
        )

    def _finished(self, video: Path) -> FinishedMessage:
        """Read the file, and make the thumbnail and the preview."""
        if self._should_stop():
            raise RenderCancelled
        try:
            media, images = delivered_video(video)
        except MediaInvalid as invalid:
            problem = f"the file that was delivered cannot be used: {invalid}"
            raise RenderFailed("VIDEO_UNUSABLE", problem, retryable=True) from None
        self._log_differences(media)
        files = clip_files(video, media, images)
        compared = compare_with(self._job.original, video, media.frame_hash)
        self._stages.finish()
        return FinishedMessage(
            job_id=self._job.job_id, media=media, files=files, device_seconds=0.0, compared=compared
        )

    def _log_differences(self, media: VerifiedMedia) -> None:
        """Log what was delivered, and where it is not what was requested."""
        logger.info("delivered: %d bytes, SHA-256 %s", media.size_bytes, media.sha256)
        job = self._job
        requested = (
            f"{job.width}x{job.height}, {counted(job.scenes[0].frames, 'frame')} at {job.fps:g} per second"
        )
        made = f"{media.width}x{media.height}, {counted(media.frames, 'frame')} at {media.fps:g} per second"
        if made != requested:
            logger.warning("the video has %s, not %s as requested", made, requested)
