"""One run of one job in the inference process: scene by scene into files, then the files into a clip."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import replace
from time import perf_counter

from kinolog.counts import counted
from kinolog.durable_files import PRIVATE_FOLDER
from kinolog.job.rendering.profile import UsedProfile
from kinolog.storyboard.planner import PlannedScene
from kinolog_worker.inference.checkpoints.scene_checkpoint_files import scene_checkpoints
from kinolog_worker.inference.live_video.live_video import LiveVideo
from kinolog_worker.inference.messages import (
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
from kinolog_worker.inference.postprocess.clip_finish import ClipFinish, file_digest_of
from kinolog_worker.inference.postprocess.finish_thread import Background
from kinolog_worker.inference.postprocess.scene_postprocess import ScenePostprocess
from kinolog_worker.inference.postprocess.scene_sound import add_scene_sound, scene_sound
from kinolog_worker.inference.stage_messages import StageMessages
from kinolog_worker.media.encoder import BackgroundEncoder
from kinolog_worker.media.frames import Frames
from kinolog_worker.media.scene_clip import SceneClip
from kinolog_worker.media.thumbnails import MiddleFrame
from kinolog_worker.renderers.profiles.calibration import ProfileSettings, used_profile
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
        background: Background,
    ) -> None:
        """Files are finished in the `background`."""
        self._background = background
        self._job = job
        self._cache = cache
        self._send = send
        self._should_stop = should_stop
        self._stages = StageMessages(job.job_id, send)
        self._live_video = LiveVideo(job, send)
        self._placement = ""
        self._device_seconds = 0.0
        self._files: list[Future[SceneFile]] = []
        self._is_chain_broken = False
        """Whether a scene of a chained job was rendered: those after it, of earlier attempts, are of no use."""
        self._revision = ""
        self._upscaler: Upscaler | None = None
        # The first steps show noise: the first preview waits a quarter of the interval.
        self._next_preview_at = perf_counter() + job.preview_interval_seconds / 4

    def draw(self) -> Callable[[], FinishedMessage]:
        """Draw the job. Return the rest of the work, which needs no device and returns the closing message.

        The rest is to be done in the background, behind the scenes' files. Raises RenderCancelled, RenderFailed,
        EncodingFailed.
        """
        self._job.folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        try:
            renderer = self._load_model()
            for scene in self._job.scenes:
                self._add_scene(renderer, scene)
            self._live_video.end()
            scenes = self._postprocessed(renderer) if self._job.is_postprocessed else None
        except BaseException:
            self._live_video.abandon()
            wait(self._files)  # nothing is written into the folder any more
            raise
        self._stages.start("assemble")
        finish = ClipFinish(
            self._job, self._revision, self._device_seconds, self._stages, self._raise_if_cancelled
        )

        def finished() -> FinishedMessage:
            self._live_video.wait()
            return finish.finish(scenes if scenes is not None else self._clips())

        return finished

    def _load_model(self) -> Renderer:
        self._stages.start("prefetch")
        model = self._cache.load_with(self._job.model, self._job.loras)
        self._revision = model.facts.revision
        if self._job.upscaler is not None:
            self._upscaler = self._cache.upscaler(self._job.upscaler)
        facts = self._of_this_job(model.facts)
        self._send(LoadedMessage(job_id=self._job.job_id, facts=facts, cached=model.cached))
        self._stages.finish()
        return model.renderer

    def _add_scene(self, renderer: Renderer, scene: PlannedScene) -> None:
        """Add the scene's file: that of an earlier attempt if it can be used, or else a new one."""
        self._raise_if_cancelled()
        earlier = next((file for file in self._job.finished_scenes if file.index == scene.index), None)
        if earlier is not None and not self._is_chain_broken and _is_intact(earlier, scene):
            self._live_video.add_file(earlier.path)
            self._files.append(self._background.submit(lambda: self._sent(earlier, seconds=0.0, reused=True)))
            return
        if earlier is not None:
            logger.warning("scene %d of an earlier attempt cannot be used again", scene.index + 1)
        started = perf_counter()
        finish = self._render_scene(renderer, scene)
        self._is_chain_broken = self._job.chained
        if self._files:
            self._files[-1].result()  # at most one scene waits to be finished
        self._files.append(
            self._background.submit(
                lambda: self._sent(finish(), seconds=perf_counter() - started, reused=False)
            )
        )

    def _sent(self, file: SceneFile, *, seconds: float, reused: bool) -> SceneFile:
        """Send the message about a scene's file. Return the file."""
        self._send(SceneRenderedMessage(job_id=self._job.job_id, file=file, seconds=seconds, reused=reused))
        return file

    def _render_scene(self, renderer: Renderer, scene: PlannedScene) -> Callable[[], SceneFile]:
        """Draw a scene, again from its first frame as often as the renderer asks for it. Return how to finish it."""
        while True:
            try:
                return self._draw_scene(renderer, scene)
            except RenderAgain:
                self._stages.interrupt()

    def _draw_scene(self, renderer: Renderer, scene: PlannedScene) -> Callable[[], SceneFile]:
        job = self._job
        before = self._files[-1].result() if job.chained and self._files else None
        request = job.request(scene, before)
        self._stages.start("encode_prompt", scene.index)
        encoded = renderer.encode_prompt(request)
        self._send_placement(renderer)
        if encoded.words.count:
            self._send(UnknownWordsMessage(job_id=job.job_id, scene=scene.index, words=encoded.words))
        self._device_seconds += self._stages.finish()
        path = job.folder / f"scene-{scene.index:04}.mp4"
        unfinished = path.with_suffix(".part")
        self._stages.start("denoise", scene.index)
        encoder = BackgroundEncoder(
            unfinished, width=job.width, height=job.height, fps=job.fps, encoding=job.scene_encoding
        )
        with (
            encoder.left_open(),
            scene_checkpoints(renderer, job, scene.index, self._send, again=self._is_chain_broken),
        ):
            colour: Frames | None = None
            is_blank, drawn, thumbnail = True, 0, MiddleFrame(scene.frames)
            self._live_video.start_scene(scene.index)
            frames = renderer.render(request, lambda report: self._observe(scene, report), self._should_stop)
            for run in frames:
                self._start_decode(scene)
                if is_blank and len(run):
                    colour = run[0, 0, 0] if colour is None else colour
                    is_blank = bool((run == colour).all())
                thumbnail.add_frames(run)
                drawn += len(run)
                self._live_video.add_frames(run)
                encoder.write(run)
            self._device_seconds += self._stages.finish()
            if drawn != scene.frames:
                raise _unusable(
                    "FRAMES_WRONG", f"the renderer drew {counted(drawn, 'frame')}, not {scene.frames}"
                )
            if is_blank:
                raise _unusable("PICTURE_EMPTY", "all pixels have one colour: the model computed no picture")
            sound = scene_sound(renderer)
            self._send_placement(renderer)

        def finish() -> SceneFile:
            encoder.close()
            add_scene_sound(unfinished, sound, scene.frames, job.fps, self._raise_if_cancelled)
            unfinished.replace(path)
            thumbnail.save(path)
            return SceneFile(
                index=scene.index,
                path=path,
                sha256=file_digest_of(path),
                frames=scene.frames,
                size_bytes=path.stat().st_size,
            )

        return finish

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
            if report.settle is not None:
                report.settle()
            self._send_preview(scene, report, report.preview)

    def _send_preview(
        self, scene: PlannedScene, report: StepReport, draw: Callable[[], bytes | None]
    ) -> None:
        started = perf_counter()
        jpeg = draw()
        now = perf_counter()
        pause = max(self._job.preview_interval_seconds, _PREVIEW_COST_FACTOR * (now - started))
        self._next_preview_at = now + pause
        if jpeg is not None:
            self._send(
                PreviewMessage(job_id=self._job.job_id, scene=scene.index, step=report.step, jpeg=jpeg)
            )

    def _clips(self) -> list[SceneClip]:
        """Return the scenes that were drawn. Raises the error of a scene whose file could not be finished."""
        files = [file.result() for file in self._files]
        pairs = zip(files, self._job.scenes, strict=True)
        return [SceneClip(file.path, file.frames, scene.transition) for file, scene in pairs]

    def _postprocessed(self, renderer: Renderer) -> list[SceneClip]:
        """Return the scenes as they are joined, with other frames than were drawn."""
        postprocess = ScenePostprocess(
            self._job, self._upscaler, self._stages, self._send, self._raise_if_cancelled
        )
        finished = postprocess.finish(self._clips(), lambda: self._leave_device(renderer))
        if self._upscaler is not None:
            self._device_seconds += postprocess.seconds
        return finished

    def _leave_device(self, renderer: Renderer) -> None:
        """Let all models leave the device. The one that drew is loaded again for the next scene."""
        while self._cache.close_oldest_beside(renderer):
            pass
        if isinstance(renderer, DeviceReleaser):
            renderer.release_device()

    def _start_decode(self, scene: PlannedScene) -> None:
        """Finish denoising and start decoding, unless decoding runs already."""
        if self._stages.running == "denoise":
            self._device_seconds += self._stages.finish()
            self._stages.start("decode", scene.index)

    def _send_placement(self, renderer: Renderer) -> None:
        """Tell the supervisor where the networks are, if that is not what it knows."""
        if not isinstance(renderer, PlacedRenderer):
            return
        facts = renderer.current_facts()
        if facts.placement != self._placement:
            self._placement = facts.placement
            self._send(PlacedMessage(job_id=self._job.job_id, facts=self._of_this_job(facts)))

    def _of_this_job(self, facts: LoadedFacts) -> LoadedFacts:
        """Return the facts with what the job has beside its model. The figures of its profile are for these facts."""
        upscaler = self._upscaler.used if self._upscaler is not None else None
        return replace(facts, upscaler=upscaler, profile=profile_of_job(self._job, facts))

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


def profile_of_job(job: RenderJob, facts: LoadedFacts) -> UsedProfile | None:
    """Return the profile of a job, with its figures if it was measured on this machine; None for `exact`."""
    if job.profile is None:
        return None
    settings = ProfileSettings(
        steps=job.steps,
        guidance=job.guidance,
        sigmas=job.sigmas,
        flow_shift=job.flow_shift,
        cache=job.profile.cache,
    )
    return used_profile(job.profile.name, settings, facts)


def _is_intact(file: SceneFile, scene: PlannedScene) -> bool:
    return file.frames == scene.frames and file.path.is_file() and file_digest_of(file.path) == file.sha256


def _unusable(code: str, message: str) -> RenderFailed:
    """Return the error of a scene that would come out the same again."""
    return RenderFailed(code, message, retryable=False)
