"""Messages of the inference process about an attempt, as stages for the log and progress for watchers."""

from __future__ import annotations

import asyncio
from math import prod
from time import perf_counter

from kinolog.counts import counted
from kinolog.job.values import Stage
from kinolog.models.memory.planner import gib
from kinolog.ports.progress import Progress
from kinolog.storyboard.prompt_vocabulary import VocabularyMatch
from kinolog_worker.attempt.device_line import DevicePlace
from kinolog_worker.attempt.lease import Lease
from kinolog_worker.attempt.stage_recorder import StageRecorder
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.checkpoints.checkpoint_messages import ResumedMessage
from kinolog_worker.inference.messages import (
    LoadedMessage,
    LogLineMessage,
    Message,
    PlacedMessage,
    PreviewMessage,
    RenderJob,
    SceneFile,
    SceneRenderedMessage,
    StageFinishedMessage,
    StageStartedMessage,
    StepMessage,
    UnknownWordsMessage,
)
from kinolog_worker.renderers.renderer import LoadedFacts
from kinolog_worker.reporting.estimate import Estimate, attempt_parts
from kinolog_worker.reporting.progress_reporter import ProgressReporter, Seals

REPORT_SECONDS = 1.0
"""Time between two reports of a stage without steps."""

DOWNLOAD_LINE_SECONDS = 30.0
"""Interval of log lines while a model is downloaded."""

LIBRARY_LINE = "the renderer reports"
"""The public part of a line that was logged while the model worked. The rest may quote the prompt and is sealed."""


class AttemptRecorder:
    """Records an attempt's stages and progress. Only `run` blocks, and `run` and `flush` of `stages` and `progress`."""

    def __init__(
        self, dependencies: WorkerDependencies, lease: Lease, seals: Seals, place: DevicePlace
    ) -> None:
        self.stages = StageRecorder(lease, dependencies.worker, dependencies.clock)
        self.progress = ProgressReporter(
            dependencies.progress,
            job_id=lease.job.id,
            attempt=lease.attempt,
            clock=dependencies.clock,
            seals=seals,
        )
        self._dependencies = dependencies
        self._lease = lease
        self._place = place
        self._estimate = Estimate("", (), dependencies.rates)
        self._scenes = max(1, len(lease.job.scenes))
        self.stage: Stage | None = None
        """The stage that started last; None before the first."""
        self._stage_started = perf_counter()
        self._download_line_at = -DOWNLOAD_LINE_SECONDS
        self._running: tuple[Stage, int | None] | None = None
        """The running stage with its scene, if it has one."""
        self._steps = 0
        """The number of steps of the stage that was reported last."""

    def start_estimate(self, job: RenderJob, model: str) -> None:
        """Estimate progress by the work that this job needs from now on."""
        frames = [scene.frames for scene in job.scenes]
        entry = self._dependencies.catalogue.get(model)
        again = entry.redrawn_frames(frames) if entry is not None and job.chained else ()
        finished_pixels = prod(job.video_size) * job.interpolation_factor if job.is_postprocessed else 0
        parts = attempt_parts(
            frames,
            finished_scenes={file.index for file in job.finished_scenes},
            pixels=job.width * job.height,
            steps=job.steps,
            native_pixels=job.native_width * job.native_height,
            native_frames=job.native_frames,
            redrawn_frames=again,
            finished_pixels=finished_pixels,
        )
        left_out = {Stage.ENCODE_PROMPT, Stage.DECODE} if job.model.files_at_once else set()
        if model in self._dependencies.inference.loaded_models:
            left_out.add(Stage.PREFETCH)
        parts = [part for part in parts if part.stage not in left_out]
        self._estimate = Estimate(model, parts, self._dependencies.rates)
        self._scenes = len(job.scenes)

    async def run(self) -> None:
        """Report the time left once a second while a stage without steps runs, until cancelled."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            self.report_time_left()

    def report_time_left(self) -> None:
        """Report progress again if the running stage has no steps: the time left shrinks all the same."""
        if self._running is None or self._steps or self._estimate.eta_seconds is None:
            return
        stage, scene = self._running
        self._estimate.run(stage, scene, perf_counter() - self._stage_started)
        self._put_progress(stage, scene, step=0, steps=0)

    def end(self) -> None:
        """Report no more time left: the outcome is decided."""
        self._running = None

    def record(self, message: Message, model: str) -> SceneFile | None:
        """Record a message. Return the file of a newly rendered scene, which the caller stores."""
        match message:
            case LoadedMessage(facts=facts, cached=cached):
                self._run_on(model, facts)
                if not cached:
                    text = f"loaded {model} in {facts.seconds:.1f} s on {facts.device}"
                    self.progress.put_log_line("INFO", text)
            case PlacedMessage(facts=facts):
                self._run_on(model, facts)
                if facts.placement_reason:
                    text = f"placement {facts.placement}: {facts.placement_reason}"
                    self.progress.put_log_line("INFO", text)
            case StageStartedMessage(stage=stage, scene=scene):
                self.start_stage(Stage(stage), scene)
            case StageFinishedMessage(stage=stage, seconds=seconds, scene=scene):
                self.finish_stage(Stage(stage), seconds, scene)
            case StepMessage():
                self._record_step(message)
            case PreviewMessage(scene=scene, step=step, jpeg=jpeg):
                self.progress.put_preview(scene=scene, step=step, jpeg=jpeg)
            case LogLineMessage(level=level, text=text):
                self.progress.put_log_line(level, LIBRARY_LINE, text)
            case UnknownWordsMessage(scene=scene, words=words):
                public = _count_of_unknown_words(words.count, scene, self._scenes)
                self.progress.put_log_line("INFO", public, _unknown_words(words))
            case ResumedMessage():
                self.progress.put_log_line(*_resumption(message, self._scenes))
            case SceneRenderedMessage(file=file, reused=True):
                text = f"scene {file.index + 1} of an earlier attempt is used again"
                self.progress.put_log_line("INFO", text)
            case SceneRenderedMessage(file=file, seconds=seconds):
                self.progress.put_log_line("INFO", f"rendered scene {file.index + 1} in {seconds:.1f} s")
                return file
            case _:
                pass
        return None

    def _run_on(self, model: str, facts: LoadedFacts) -> None:
        status = self._dependencies.status
        status.model_loaded(model, facts)
        self.stages.run_on(status.runtime(model))

    def record_download(self, received: int, total: int) -> None:
        """Report how far the download of the model is, in MiB as steps, and now and then in a log line."""
        now = perf_counter()
        if received >= total or now - self._download_line_at >= DOWNLOAD_LINE_SECONDS:
            self._download_line_at = now
            self.progress.put_log_line("INFO", f"downloading the model: {gib(received)} of {gib(total)}")
        steps = max(1, total >> 20)
        self._put_progress(Stage.PREFETCH, None, step=min(steps, received >> 20), steps=steps)

    @property
    def scene_seconds(self) -> float:
        """For how long the scene has been drawn that is drawn now; 0 if none is."""
        return perf_counter() - self._stage_started if self.stage is Stage.DENOISE else 0.0

    @property
    def percent(self) -> float:
        """Progress of the whole job, 0 to 99.9."""
        return round(self._estimate.percent, 2)

    def start_stage(self, stage: Stage, scene: int | None = None) -> None:
        """Record that a stage starts now."""
        self._stage_started, self._running, self.stage = perf_counter(), (stage, scene), stage
        self.stages.start(stage, scene)
        self._put_progress(stage, scene, step=0, steps=0)

    def finish_stage(self, stage: Stage, seconds: float, scene: int | None = None) -> None:
        """Record that a stage finishes now, after `seconds`."""
        self._running = None
        self.stages.finish(stage, seconds, scene)
        self._dependencies.status.stage_seconds.observe(seconds, self._lease.job.spec.model, stage.value)
        self._estimate.finish(stage, scene, seconds)
        self._put_progress(stage, scene, step=self._steps, steps=self._steps)

    def _record_step(self, message: StepMessage) -> None:
        stage = Stage(message.stage)
        self._estimate.step(
            stage,
            message.scene,
            step=message.step,
            steps=message.steps,
            stage_seconds=perf_counter() - self._stage_started,
        )
        self._put_progress(stage, message.scene, step=message.step, steps=message.steps)

    def _put_progress(self, stage: Stage, scene: int | None, *, step: int, steps: int) -> None:
        self._steps = steps
        self._dependencies.status.progress(self._lease.job.id, stage, step, steps)
        self._place.expect_end(self._estimate.device_seconds)
        eta_seconds = self._estimate.eta_seconds
        self.progress.put_progress(
            Progress(
                job_id=self._lease.job.id,
                attempt=self._lease.attempt,
                at=self._dependencies.clock(),
                worker=self._dependencies.worker,
                stage=stage,
                scene=scene or 0,
                scenes=self._scenes,
                step=step,
                steps=steps,
                percent=self.percent,
                eta_seconds=None if eta_seconds is None else round(eta_seconds, 2),
            )
        )


def _resumption(message: ResumedMessage, scenes: int) -> tuple[str, str]:
    """Return the level and the text of the line about a scene that goes on from a checkpoint, or does not."""
    scene = f"scene {message.scene + 1}" if scenes > 1 else "the video"
    if message.refusal:
        return "WARNING", f"{scene}: {message.refusal}"
    return "INFO", f"{scene} goes on from step {message.step}"


def _count_of_unknown_words(count: int, scene: int, scenes: int) -> str:
    """Return the public part of the line about unknown words: no words of the prompt."""
    prompt = f"the prompt of scene {scene + 1}" if scenes > 1 else "the prompt"
    return f"the model does not know {counted(count, 'word')} of {prompt}"


def _unknown_words(words: VocabularyMatch) -> str:
    """Return the part of the line about unknown words that only the owner may read."""
    parts = [f"{word} taken for {known}" for word, known in words.replaced]
    if words.dropped:
        parts.append(f"left out {', '.join(words.dropped)}")
    return "; ".join(parts)
