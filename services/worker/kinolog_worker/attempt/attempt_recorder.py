"""What the inference process tells of an attempt, turned into stages for the log and weather for those who watch."""

from __future__ import annotations

from time import perf_counter

from kinolog.job.values import Stage
from kinolog.ports.progress import Progress
from kinolog_worker.attempt.estimate import Estimate, parts_of
from kinolog_worker.attempt.lease import Lease
from kinolog_worker.attempt.stage_recorder import StageRecorder
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.messages import (
    LoadedMessage,
    LogLineMessage,
    Message,
    PreviewMessage,
    RenderJob,
    SceneFile,
    SceneRenderedMessage,
    StageFinishedMessage,
    StageStartedMessage,
    StepMessage,
    UnknownWordsMessage,
)
from kinolog_worker.renderers.renderer import VocabularyMatch
from kinolog_worker.reporting.progress_reporter import ProgressReporter, SealNote


class AttemptRecorder:
    """Keeps the books of one attempt. No call but those of its parts' `run` and `flush` ever waits."""

    def __init__(self, parts: WorkerDependencies, lease: Lease, note: SealNote) -> None:
        self.book = StageRecorder(lease, parts.worker, parts.clock)
        self.weather = ProgressReporter(parts.progress, lease.job.id, lease.attempt, parts.clock, note)
        self._parts = parts
        self._lease = lease
        self._estimate = Estimate("", (), parts.times)
        self._scenes = max(1, len(lease.job.scenes))
        self._stage_started = perf_counter()

    def plan(self, order: RenderJob, model: str) -> None:
        """Learn what is to be done."""
        reused = {file.index for file in order.done}
        frames = [scene.frames for scene in order.scenes]
        parts = parts_of(frames, reused, order.width * order.height, order.steps)
        if self._parts.status.loaded_model == model:
            parts = [part for part in parts if part.stage is not Stage.PREFETCH]
        self._estimate = Estimate(model, parts, self._parts.times)
        self._scenes = len(order.scenes)

    def take(self, message: Message, model: str) -> SceneFile | None:
        """Note what a message says; a scene that was rendered just now is handed back to be stored."""
        match message:
            case LoadedMessage(facts=facts, cached=cached):
                self._parts.status.loaded(model, facts)
                if not cached:
                    self.weather.line("INFO", f"loaded {model} in {facts.seconds:.1f} s on {facts.device}")
            case StageStartedMessage(stage=stage, scene=scene):
                self.begin(Stage(stage), scene)
            case StageFinishedMessage(stage=stage, seconds=seconds, scene=scene):
                self.end(Stage(stage), seconds, scene)
            case StepMessage():
                self._step(message)
            case PreviewMessage(scene=scene, step=step, jpeg=jpeg):
                self.weather.preview(scene, step, jpeg)
            case LogLineMessage(level=level, text=text):
                self.weather.line(level, text)
            case UnknownWordsMessage(scene=scene, words=words):
                told = _words_unknown(words.count, scene, self._scenes)
                self.weather.line("INFO", told, _what_became(words))
            case SceneRenderedMessage(file=file, reused=True):
                self.weather.line("INFO", f"scene {file.index + 1} of an earlier attempt is used again")
            case SceneRenderedMessage(file=file, seconds=seconds):
                self.weather.line("INFO", f"rendered scene {file.index + 1} in {seconds:.1f} s")
                return file
            case _:
                pass
        return None

    def begin(self, stage: Stage, scene: int | None = None) -> None:
        """A stage begins."""
        self._stage_started = perf_counter()
        self.book.begin(stage, scene)
        self._show(stage, scene, 0, 0)

    def end(self, stage: Stage, seconds: float, scene: int | None = None) -> None:
        """A stage has ended."""
        self.book.end(stage, seconds, scene)
        self._estimate.finished(stage, scene, seconds)
        status = self._parts.status
        self._show(stage, scene, status.steps, status.steps)

    def _step(self, step: StepMessage) -> None:
        stage = Stage(step.stage)
        self._estimate.step(stage, step.scene, step.step, step.steps, perf_counter() - self._stage_started)
        self._show(stage, step.scene, step.step, step.steps)

    def _show(self, stage: Stage, scene: int | None, step: int, steps: int) -> None:
        status = self._parts.status
        status.stage, status.step, status.steps = stage, step, steps
        eta_seconds = self._estimate.eta_seconds
        self.weather.progress(
            Progress(
                job_id=self._lease.job.id,
                attempt=self._lease.attempt,
                at=self._parts.clock(),
                worker=self._parts.worker,
                stage=stage,
                scene=scene or 0,
                scenes=self._scenes,
                step=step,
                steps=steps,
                percent=round(self._estimate.percent, 2),
                eta_seconds=None if eta_seconds is None else round(eta_seconds, 2),
            )
        )


def _words_unknown(count: int, scene: int, scenes: int) -> str:
    """What anybody may read of it."""
    words = "1 word" if count == 1 else f"{count} words"
    whose = f"the prompt of scene {scene + 1}" if scenes > 1 else "the prompt"
    return f"the model does not know {words} of {whose}"


def _what_became(words: VocabularyMatch) -> str:
    """What only the owner may read of it."""
    parts = [f"{word} taken for {near}" for word, near in words.taken_for]
    if words.left_out:
        parts.append(f"left out {', '.join(words.left_out)}")
    return "; ".join(parts)
