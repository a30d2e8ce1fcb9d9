"""One run of one job in the inference process: scene by scene into files, then the files into a clip."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from time import perf_counter

from kinolog.storyboard.planner import PlannedScene
from kinolog_worker.inference.messages import (
    ArtifactFile,
    FinishedMessage,
    LoadedMessage,
    Message,
    PrefetchedMessage,
    PreviewMessage,
    RenderJob,
    SceneFile,
    SceneRenderedMessage,
    StageFinishedMessage,
    StageStartedMessage,
    StepMessage,
    UnknownWordsMessage,
)
from kinolog_worker.inference.model_cache import ModelCache
from kinolog_worker.inference.progress_meter import ProgressMeter
from kinolog_worker.media.assembly import ClipTarget, SceneClip, assemble
from kinolog_worker.media.encoder import BackgroundEncoder
from kinolog_worker.media.thumbnails import ThumbnailCollector
from kinolog_worker.media.video_check import ExpectedMedia, VerifiedMedia, verify_video
from kinolog_worker.renderers.renderer import RenderCancelled, Renderer, StepReport

_PREVIEW_COST_FACTOR = 50
"""A preview waits until fifty times its cost went by since the last: previews take two percent at most."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Stage:
    """The stage that runs, for its closing message."""

    name: str
    scene: int | None
    started: float


class JobRenderer:
    """Renders one job. `send` takes messages for the supervisor; `should_stop` turns true to cancel."""

    def __init__(
        self,
        job: RenderJob,
        shelf: ModelCache,
        send: Callable[[Message], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self._job = job
        self._shelf = shelf
        self._send = send
        self._should_stop = should_stop
        self._meter = ProgressMeter(tuple(scene.frames for scene in job.scenes))
        self._stage: _Stage | None = None
        self._scene_started = 0.0
        self._device_seconds = 0.0
        self._next_preview_at = (
            perf_counter() + job.preview_interval_seconds / 4
        )  # the first steps show noise

    def execute(self) -> FinishedMessage:
        """Render the job and return the closing message. Raises RenderCancelled, RenderFailed, EncodingFailed."""
        started = perf_counter()
        self._job.folder.mkdir(parents=True, exist_ok=True)
        renderer = self._load()
        files = [self._scene(renderer, scene) for scene in self._job.scenes]
        media, artifacts = self._finish(files)
        return FinishedMessage(
            self._job.job_id, media, artifacts, self._device_seconds, seconds=perf_counter() - started
        )

    def _load(self) -> Renderer:
        self._begin("prefetch")
        renderer, facts, cached = self._shelf.take(self._job.model)
        self._send(LoadedMessage(self._job.job_id, facts, cached))
        self._end()
        return renderer

    def _scene(self, renderer: Renderer, scene: PlannedScene) -> SceneFile:
        """The scene's file: the one of an earlier attempt when it is unharmed, or a new one."""
        self._check()
        earlier = next((file for file in self._job.done if file.index == scene.index), None)
        if earlier is not None and _unharmed(earlier, scene):
            self._meter.scene_reused(scene.index)
            self._send(SceneRenderedMessage(self._job.job_id, earlier, 0.0, reused=True))
            return earlier
        if earlier is not None:
            log.warning("scene %d of an earlier attempt cannot be used again", scene.index + 1)
        started = perf_counter()
        file = self._render(renderer, scene)
        self._send(SceneRenderedMessage(self._job.job_id, file, perf_counter() - started, reused=False))
        return file

    def _render(self, renderer: Renderer, scene: PlannedScene) -> SceneFile:
        job = self._job
        request = job.request(scene)
        self._scene_started = perf_counter()
        self._begin("encode_prompt", scene.index)
        read = renderer.encode_prompt(request)
        if read.words.count:
            self._send(UnknownWordsMessage(job.job_id, scene.index, read.words))
        self._device_seconds += self._end()
        path = job.folder / f"scene-{scene.index:04}.mp4"
        partial = path.with_suffix(".part")
        self._begin("denoise", scene.index)
        denoise_seconds = 0.0
        with BackgroundEncoder(partial, job.width, job.height, job.fps) as encoder:
            frames = renderer.render(request, lambda report: self._observe(scene, report), self._should_stop)
            for run in frames:
                if self._stage is not None and self._stage.name == "denoise":
                    denoise_seconds = self._end()
                    self._begin("decode", scene.index)
                encoder.write(run)
        decode_seconds = self._end()
        self._device_seconds += denoise_seconds + decode_seconds
        self._meter.scene_finished(scene.index, denoise_seconds, decode_seconds)
        if encoder.frames != scene.frames:
            raise RuntimeError(f"the renderer drew {encoder.frames} frames, not {scene.frames}")
        partial.replace(path)
        return SceneFile(scene.index, path, _digest(path), scene.frames, path.stat().st_size)

    def _observe(self, scene: PlannedScene, report: StepReport) -> None:
        """Pass a step on; the first step of decoding closes the stage of denoising."""
        if report.stage == "decode" and self._stage is not None and self._stage.name == "denoise":
            self._device_seconds += self._end()
            self._begin("decode", scene.index)
        now = perf_counter()
        stage = self._stage
        in_stage = now - stage.started if stage is not None else 0.0
        fraction = self._meter.fraction(scene.index, report.stage, report.step, report.steps)
        self._send(
            StepMessage(
                job_id=self._job.job_id,
                stage=report.stage,
                scene=scene.index,
                scenes=len(self._job.scenes),
                step=report.step,
                steps=report.steps,
                fraction=fraction,
                step_seconds=in_stage / max(1, report.step),
                eta_seconds=self._meter.eta_seconds(fraction, now - self._scene_started),
            )
        )
        if report.preview is not None and now >= self._next_preview_at and report.step < report.steps:
            self._preview(scene, report, report.preview)

    def _preview(self, scene: PlannedScene, report: StepReport, draw: Callable[[], bytes]) -> None:
        started = perf_counter()
        jpeg = draw()
        now = perf_counter()
        pause = max(self._job.preview_interval_seconds, _PREVIEW_COST_FACTOR * (now - started))
        self._next_preview_at = now + pause
        self._send(PreviewMessage(self._job.job_id, scene.index, report.step, report.steps, jpeg))

    def _finish(self, files: list[SceneFile]) -> tuple[VerifiedMedia, tuple[ArtifactFile, ...]]:
        job = self._job
        self._check()
        self._begin("assemble")
        video = job.folder / "video.mp4"
        parts = [
            SceneClip(file.path, file.frames, scene.transition)
            for file, scene in zip(files, job.scenes, strict=True)
        ]
        assemble(parts, ClipTarget(video, job.width, job.height, job.fps), self._check)
        total = sum(file.frames for file in files)
        stills = ThumbnailCollector(total, job.fps)
        media = verify_video(video, ExpectedMedia(job.width, job.height, job.fps, total), stills.take)
        artifacts = (
            ArtifactFile("video", video, "video/mp4", media.sha256, media.size_bytes),
            _written(job.folder / "thumbnail.jpg", "thumbnail", "image/jpeg", stills.thumbnail_jpeg()),
            _written(job.folder / "preview.webp", "preview", "image/webp", stills.preview_webp()),
        )
        self._end()
        return media, artifacts

    def _begin(self, stage: str, scene: int | None = None) -> None:
        self._stage = _Stage(stage, scene, perf_counter())
        self._send(StageStartedMessage(self._job.job_id, stage, scene))

    def _end(self) -> float:
        """Close the running stage; returns its seconds."""
        stage = self._stage
        if stage is None:
            return 0.0
        seconds = perf_counter() - stage.started
        self._stage = None
        self._send(StageFinishedMessage(self._job.job_id, stage.name, seconds, stage.scene))
        return seconds

    def _check(self) -> None:
        if self._should_stop():
            raise RenderCancelled


def prefetch(job: RenderJob, shelf: ModelCache) -> PrefetchedMessage:
    """Load the model and encode the prompts of all scenes. Raises RenderFailed."""
    started = perf_counter()
    renderer, facts, cached = shelf.take(job.model)
    fresh = sum(not renderer.encode_prompt(job.request(scene)).known for scene in job.scenes)
    return PrefetchedMessage(job.job_id, facts, cached, fresh, perf_counter() - started)


def _unharmed(file: SceneFile, scene: PlannedScene) -> bool:
    return file.frames == scene.frames and file.path.is_file() and _digest(file.path) == file.sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _written(path: Path, kind: str, media_type: str, content: bytes) -> ArtifactFile:
    path.write_bytes(content)
    return ArtifactFile(kind, path, media_type, sha256(content).hexdigest(), len(content))
