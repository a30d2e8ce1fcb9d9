"""The files of drawn scenes become a verified clip with its stills. No device is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import file_digest, sha256
from importlib.metadata import version
from pathlib import Path

from kinolog.storyboard.windows import whole_scene_frames
from kinolog_worker.inference.messages import ArtifactFile, FinishedMessage, RenderJob
from kinolog_worker.inference.stage_messages import StageMessages
from kinolog_worker.media.assembly import ClipTarget, assemble
from kinolog_worker.media.comparison.frame_comparison import compare_with
from kinolog_worker.media.container_tags import ContainerTags, provenance_comment, write_tags
from kinolog_worker.media.scene_clip import SceneClip
from kinolog_worker.media.sound.scenes import sound_format_of_scenes
from kinolog_worker.media.thumbnails import ThumbnailCollector
from kinolog_worker.media.video_check import ExpectedMedia, VerifiedMedia, verify_video


class ClipFinish:
    """Joins the scenes of a job into its clip, verifies it, and makes its thumbnail and preview.

    The stage `assemble` has been started. `check` may raise to stop.
    """

    def __init__(
        self,
        job: RenderJob,
        revision: str,
        device_seconds: float,
        stages: StageMessages,
        check: Callable[[], None],
    ) -> None:
        """`revision` is that of the model, and `device_seconds` how long the device has worked on the job."""
        self._job = job
        self._revision = revision
        self._device_seconds = device_seconds
        self._stages = stages
        self._check = check

    def finish(self, scenes: Sequence[SceneClip]) -> FinishedMessage:
        """Return the closing message. Raises RenderCancelled, EncodingFailed and MediaInvalid."""
        media, artifacts = self._finished(scenes)
        compared = compare_with(self._job.original, artifacts[0].path, media.frame_hash)
        return FinishedMessage(
            job_id=self._job.job_id,
            media=media,
            files=artifacts,
            device_seconds=self._device_seconds,
            compared=compared,
        )

    def _finished(self, scenes: Sequence[SceneClip]) -> tuple[VerifiedMedia, tuple[ArtifactFile, ...]]:
        """Join the scenes into the clip, verify it, and make its thumbnail and preview."""
        job = self._job
        self._check()
        video = job.folder / "video.mp4"
        width, height = job.video_size
        clip = ClipTarget(video, width=width, height=height, fps=job.video_fps, encoding=job.encoding)
        assemble(scenes, clip, self._check)
        if job.tagged:
            write_tags(video, self._tags(), self._check)
        frames = sum(scene.frames for scene in scenes)
        expected = ExpectedMedia(
            width=width,
            height=height,
            fps=job.video_fps,
            frames=frames,
            codec=job.encoding.codec,
            has_sound=sound_format_of_scenes(scenes) is not None,
        )
        thumbnails = ThumbnailCollector(frames=frames, fps=job.video_fps)
        media = verify_video(video, expected, thumbnails.add_frame)
        artifacts = clip_files(video, media, thumbnails)
        self._stages.finish()
        return media, artifacts

    def _tags(self) -> ContainerTags:
        job = self._job
        comment = provenance_comment(
            version=version("kinolog"),
            model=job.model.name,
            revision=self._revision,
            seed=job.seed,
            steps=job.steps,
            guidance=job.guidance,
            upscaler=job.upscaler.name if job.upscaler is not None else "",
            drawn_fps=job.fps if job.interpolation_factor > 1 else 0,
        )
        lengths = whole_scene_frames(job.scenes) if job.chained else [scene.frames for scene in job.scenes]
        shown = [frames * job.interpolation_factor for frames in lengths]
        return ContainerTags(job.title, comment, job.video_fps, shown)


def file_digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def clip_files(
    video: Path, media: VerifiedMedia, images: ThumbnailCollector
) -> tuple[ArtifactFile, ArtifactFile, ArtifactFile]:
    """Write the thumbnail and the preview of a video beside it. Return the three files, the video first."""
    clip = ArtifactFile(
        kind="video", path=video, media_type="video/mp4", sha256=media.sha256, size_bytes=media.size_bytes
    )
    thumbnail = _write_file(
        video.with_name("thumbnail.jpg"), images.thumbnail_jpeg(), kind="thumbnail", media_type="image/jpeg"
    )
    preview = _write_file(
        video.with_name("preview.webp"), images.preview_webp(), kind="preview", media_type="image/webp"
    )
    return clip, thumbnail, preview


def _write_file(path: Path, content: bytes, *, kind: str, media_type: str) -> ArtifactFile:
    path.write_bytes(content)
    return ArtifactFile(
        kind=kind,
        path=path,
        media_type=media_type,
        sha256=sha256(content).hexdigest(),
        size_bytes=len(content),
    )
