"""One run of one job in the inference process: scene by scene into files, then the files into a clip."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import file_digest, sha256
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from kinolog.counts import counted
from kinolog.durable_files import PRIVATE_FOLDER
from kinolog.storyboard.planner import PlannedScene
from kinolog.storyboard.windows import whole_scene_frames
from kinolog_worker.inference.checkpoints.scene_checkpoint_files import scene_checkpoints
from kinolog_worker.inference.messages import (
    ArtifactFile,
    FinishedMessage,
    LoadedMessage,
    Message,
    PlacedMessage,
    PrefetchedMessage,
    PreviewMessage,
    RenderJob,
    SceneFile,
    SceneRenderedMessage,
    StepMessage,
    UnknownWordsMessage,
)
from kinolog_worker.inference.model_cache import ModelCache
from kinolog_worker.inference.postprocess.scene_postprocess import ScenePostprocess
from kinolog_worker.inference.postprocess.scene_sound import add_scene_sound
from kinolog_worker.inference.stage_messages import StageMessages
from kinolog_worker.media.assembly import ClipTarget, assemble
from kinolog_worker.media.container_tags import ContainerTags, provenance_comment, write_tags
from kinolog_worker.media.encoder import BackgroundEncoder
from kinolog_worker.media.frames import Frames
from kinolog_worker.media.scene_clip import SceneClip
from kinolog_worker.media.sound.scenes import sound_format_of_scenes
from kinolog_worker.media.thumbnails import MiddleFrame, ThumbnailCollector
from kinolog_worker.media.video_check import ExpectedMedia, VerifiedMedia, verify_video
from kinolog_worker.renderers.renderer import (
    LoadedFacts,
    PlacedRenderer,
    RenderAgain,
    RenderCancelled,
    Renderer,
    RenderFailed,
    StepReport,
)
from kinolog_worker.renderers.upscaler import DeviceReleaser, Upscaler

_PREVIEW_COST_FACTOR = 50
"""A preview waits for fifty times the cost of the last one, so that previews take at most two percent of the time."""

logger = logging.getLogger(__name__)


class JobRenderer:
    """Renders one job. `send` passes messages to the supervisor; `should_stop` returns True once it is cancelled."""

    def __init__(
        self,
        job: RenderJob,
        cache: ModelCache,
        send: Callable[[Message], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self._job = job
        self._cache = cache
        self._send = send
        self._should_stop = should_stop
        self._stages = StageMessages(job.job_id, send)
        self._placement = ""
        self._device_seconds = 0.0
        self._files: list[SceneFile] = []
        self._is_chain_broken = False
        """Whether a scene of a chained job was rendered: those after it, of earlier attempts, are of no use."""
        self._revision = ""
        self._upscaler: Upscaler | None = None
        # The first steps show noise: the first preview waits a quarter of the interval.
        self._next_preview_at = perf_counter() + job.preview_interval_seconds / 4

    def execute(self) -> FinishedMessage:
        """Render the job and return the closing message. Raises RenderCancelled, RenderFailed, EncodingFailed."""
        self._job.folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        renderer = self._load_model()
        for scene in self._job.scenes:
            self._files.append(self._scene_file(renderer, scene))
        media, artifacts = self._assemble(self._postprocessed(renderer))
        return FinishedMessage(
            job_id=self._job.job_id,
            media=media,
            files=artifacts,
            device_seconds=self._device_seconds,
        )

    def _load_model(self) -> Renderer:
        self._stages.start("prefetch")
        model = self._cache.load_with(self._job.model, self._job.loras)
        self._revision = model.facts.revision
        if self._job.upscaler is not None:
            self._upscaler = self._cache.upscaler(self._job.upscaler)
        facts = self._with_upscaler(model.facts)
        self._send(LoadedMessage(job_id=self._job.job_id, facts=facts, cached=model.cached))
        self._stages.finish()
        return model.renderer

    def _scene_file(self, renderer: Renderer, scene: PlannedScene) -> SceneFile:
        """Return the scene's file: that of an earlier attempt if it can be used, or else a new one."""
        self._raise_if_cancelled()
        started = perf_counter()
        earlier = next((file for file in self._job.finished_scenes if file.index == scene.index), None)
        if earlier is not None and not self._is_chain_broken and _is_intact(earlier, scene):
            file, seconds, reused = earlier, 0.0, True
        else:
            if earlier is not None:
                logger.warning("scene %d of an earlier attempt cannot be used again", scene.index + 1)
            file, reused = self._render_scene(renderer, scene), False
            seconds = perf_counter() - started
            self._is_chain_broken = self._job.chained
        self._send(SceneRenderedMessage(job_id=self._job.job_id, file=file, seconds=seconds, reused=reused))
        return file

    def _render_scene(self, renderer: Renderer, scene: PlannedScene) -> SceneFile:
        """Draw a scene into its file, again from its first frame as often as the renderer asks for it."""
        while True:
            try:
                return self._draw_scene(renderer, scene)
            except RenderAgain:
                self._stages.interrupt()

    def _draw_scene(self, renderer: Renderer, scene: PlannedScene) -> SceneFile:
        job = self._job
        request = job.request(scene, self._files[-1] if self._files else None)
        self._stages.start("encode_prompt", scene.index)
        encoded = renderer.encode_prompt(request)
        self._send_placement(renderer)
        if encoded.words.count:
            self._send(UnknownWordsMessage(job_id=job.job_id, scene=scene.index, words=encoded.words))
        self._device_seconds += self._stages.finish()
        path = job.folder / f"scene-{scene.index:04}.mp4"
        unfinished = path.with_suffix(".part")
        self._stages.start("denoise", scene.index)
        with (
            scene_checkpoints(renderer, job, scene.index, self._send, again=self._is_chain_broken),
            BackgroundEncoder(
                unfinished, width=job.width, height=job.height, fps=job.fps, encoding=job.scene_encoding
            ) as encoder,
        ):
            colour: Frames | None = None
            is_blank, thumbnail = True, MiddleFrame(scene.frames)
            frames = renderer.render(request, lambda report: self._observe(scene, report), self._should_stop)
            for run in frames:
                self._start_decode(scene)
                if is_blank and len(run):
                    colour = run[0, 0, 0] if colour is None else colour
                    is_blank = bool((run == colour).all())
                thumbnail.add_frames(run)
                encoder.write(run)
        self._device_seconds += self._stages.finish()
        if encoder.frames != scene.frames:
            drawn = counted(encoder.frames, "frame")
            raise _unusable("FRAMES_WRONG", f"the renderer drew {drawn}, not {scene.frames}")
        if is_blank:
            raise _unusable("PICTURE_EMPTY", "all pixels have one colour: the model computed no picture")
        add_scene_sound(unfinished, renderer, scene.frames, job.fps, self._raise_if_cancelled)
        self._send_placement(renderer)
        unfinished.replace(path)
        thumbnail.save(path)
        return SceneFile(
            index=scene.index,
            path=path,
            sha256=_digest(path),
            frames=scene.frames,
            size_bytes=path.stat().st_size,
        )

    def _observe(self, scene: PlannedScene, report: StepReport) -> None:
        """Send a step to the supervisor, and a preview if one is due."""
        if report.stage == "decode":
            self._start_decode(scene)
        self._send(
            StepMessage(
                job_id=self._job.job_id,
                stage=report.stage,
                scene=scene.index,
                step=report.step,
                steps=report.steps,
            )
        )
        due = perf_counter() >= self._next_preview_at and report.step < report.steps
        if report.preview is not None and due:
            self._send_preview(scene, report, report.preview)

    def _send_preview(self, scene: PlannedScene, report: StepReport, draw: Callable[[], bytes]) -> None:
        started = perf_counter()
        jpeg = draw()
        now = perf_counter()
        pause = max(self._job.preview_interval_seconds, _PREVIEW_COST_FACTOR * (now - started))
        self._next_preview_at = now + pause
        self._send(PreviewMessage(job_id=self._job.job_id, scene=scene.index, step=report.step, jpeg=jpeg))

    def _postprocessed(self, renderer: Renderer) -> list[SceneClip]:
        """Return the scenes as they are joined: those that were drawn, finished if the job asks for it."""
        pairs = zip(self._files, self._job.scenes, strict=True)
        scenes = [SceneClip(file.path, file.frames, scene.transition) for file, scene in pairs]
        if not self._job.is_postprocessed:
            return scenes
        postprocess = ScenePostprocess(
            self._job, self._upscaler, self._stages, self._send, self._raise_if_cancelled
        )
        finished = postprocess.finish(scenes, lambda: self._leave_device(renderer))
        if self._upscaler is not None:
            self._device_seconds += postprocess.seconds
        return finished

    def _leave_device(self, renderer: Renderer) -> None:
        """Let all models leave the device. The one that drew is loaded again for the next scene."""
        while self._cache.close_oldest_beside(renderer):
            pass
        if isinstance(renderer, DeviceReleaser):
            renderer.release_device()

    def _assemble(self, scenes: Sequence[SceneClip]) -> tuple[VerifiedMedia, tuple[ArtifactFile, ...]]:
        """Join the scenes into the clip, verify it, and make its thumbnail and preview."""
        job = self._job
        self._raise_if_cancelled()
        self._stages.start("assemble")
        video = job.folder / "video.mp4"
        width, height = job.video_size
        clip = ClipTarget(video, width=width, height=height, fps=job.video_fps, encoding=job.encoding)
        assemble(scenes, clip, self._raise_if_cancelled)
        if job.tagged:
            write_tags(video, self._tags(), self._raise_if_cancelled)
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
        artifacts = (
            ArtifactFile(
                kind="video",
                path=video,
                media_type="video/mp4",
                sha256=media.sha256,
                size_bytes=media.size_bytes,
            ),
            _write_file(
                job.folder / "thumbnail.jpg",
                thumbnails.thumbnail_jpeg(),
                kind="thumbnail",
                media_type="image/jpeg",
            ),
            _write_file(
                job.folder / "preview.webp",
                thumbnails.preview_webp(),
                kind="preview",
                media_type="image/webp",
            ),
        )
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

    def _start_decode(self, scene: PlannedScene) -> None:
        """Finish denoising and start decoding, unless decoding runs already."""
        if self._stages.running == "denoise":
            self._device_seconds += self._stages.finish()
            self._stages.start("decode", scene.index)

    def _send_placement(self, renderer: Renderer) -> None:
        """Tell the supervisor where the networks are, if that is not what it knows."""
        if not isinstance(renderer, PlacedRenderer):
            return
        facts = self._with_upscaler(renderer.current_facts())
        if facts.placement != self._placement:
            self._placement = facts.placement
            self._send(PlacedMessage(job_id=self._job.job_id, facts=facts))

    def _with_upscaler(self, facts: LoadedFacts) -> LoadedFacts:
        return facts if self._upscaler is None else replace(facts, upscaler=self._upscaler.used)

    def _raise_if_cancelled(self) -> None:
        if self._should_stop():
            raise RenderCancelled


def prefetch(job: RenderJob, cache: ModelCache) -> PrefetchedMessage:
    """Load the model and encode the prompts of all scenes. Raises RenderFailed."""
    started = perf_counter()
    model = cache.load(job.model)
    embeddings = sum(not model.renderer.encode_prompt(job.request(scene)).cached for scene in job.scenes)
    return PrefetchedMessage(
        job_id=job.job_id,
        facts=model.facts,
        cached=model.cached,
        embeddings=embeddings,
        seconds=perf_counter() - started,
    )


def _is_intact(file: SceneFile, scene: PlannedScene) -> bool:
    return file.frames == scene.frames and file.path.is_file() and _digest(file.path) == file.sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _write_file(path: Path, content: bytes, *, kind: str, media_type: str) -> ArtifactFile:
    path.write_bytes(content)
    return ArtifactFile(
        kind=kind,
        path=path,
        media_type=media_type,
        sha256=sha256(content).hexdigest(),
        size_bytes=len(content),
    )


def _unusable(code: str, message: str) -> RenderFailed:
    """Return the error of a scene that would come out the same again."""
    return RenderFailed(code, message, retryable=False)
