"""One attempt at a job, from the started attempt in the log to the commit that ends it."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from time import perf_counter

from kinolog.codec.public_job import UnsealedFields
from kinolog.durable_files import PRIVATE_FOLDER
from kinolog.ids import new_id
from kinolog.job.commands import RecordScene
from kinolog.job.decide import LeaseLost
from kinolog.job.state import Job
from kinolog.job.values import WORKER_NOT_READY, Stage
from kinolog.models.catalogue import ModelEntry
from kinolog.models.hub.errors import DownloadFailed
from kinolog.ports.artifacts import job_folder
from kinolog.ports.workers import FINISHING_STAGES
from kinolog.privacy.sealer import Sealer
from kinolog.process.log_retry import retry_until_log_available
from kinolog.process.logs import annotate
from kinolog.process.tasks import end_tasks, first_error
from kinolog.scheduling.preemption import DrawnJob
from kinolog_worker.attempt.artifact_files import (
    LaterFiles,
    delete_late_files,
    fetch_scenes,
    store_scene,
    store_thumbnail,
)
from kinolog_worker.attempt.attempt_outcome import OutcomeRecorder
from kinolog_worker.attempt.attempt_recorder import AttemptRecorder
from kinolog_worker.attempt.checkpoint_store import CheckpointStore
from kinolog_worker.attempt.device_line import DevicePlace
from kinolog_worker.attempt.input_files import InputUnusable, fetch_inputs
from kinolog_worker.attempt.interruptions.interruption import Interruption
from kinolog_worker.attempt.lease import NOT_OF_THE_ATTEMPT, Lease
from kinolog_worker.attempt.live_video.live_video_store import LiveVideoStore
from kinolog_worker.attempt.originals.reproduced_job import ReproducedJob
from kinolog_worker.attempt.render_request import (
    build_render_job,
    lora_source,
    model_source,
    upscaler_source,
)
from kinolog_worker.attempt.scratch_room import ScratchRoom
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.checkpoints.checkpoint_messages import CheckpointMessage
from kinolog_worker.inference.live_video.live_video_message import LiveVideoMessage
from kinolog_worker.inference.messages import (
    CancelledMessage,
    FailedMessage,
    FinishedMessage,
    Message,
    Outcome,
    RenderJob,
    SceneFile,
    StageStartedMessage,
)
from kinolog_worker.renderers.renderer import LoraSource, ModelSource
from kinolog_worker.renderers.upscaler import UpscalerSource
from kinolog_worker.reporting.memory_needs import note_memory_need
from kinolog_worker.reporting.progress_reporter import Seals

logger = logging.getLogger(__name__)

_Fetched = tuple[ModelSource, UpscalerSource | None, tuple[LoraSource, ...]]
"""The model of a job, its upscaler, and its LoRAs."""


class RunningAttempt:
    """Renders a job whose attempt this worker has started, and ends the attempt in the log.

    Watching the log does not wait for the inference process, and rendering does not wait for the log: stages, scenes
    and progress are recorded concurrently. `stop` ends the attempt early, so that another worker can continue.
    """

    def __init__(
        self,
        dependencies: WorkerDependencies,
        lease: Lease,
        entry: ModelEntry,
        unsealed: UnsealedFields,
        sealer: Sealer,
        seals: Seals,
        room: ScratchRoom,
        place: DevicePlace,
    ) -> None:
        self._dependencies = dependencies
        self._lease = lease
        self._entry = entry
        self._unsealed = unsealed
        self._sealer = sealer
        self.job_id, self.place = lease.job.id, place
        self.started_position = lease.position
        """The position of the commit that started the attempt."""
        self.keeps_device = False
        """Whether its job is not preempted."""
        self._recorder = AttemptRecorder(dependencies, lease, seals, place)
        self._checkpoints = CheckpointStore(dependencies, lease, self._recorder, sealer)
        self._live_video = LiveVideoStore(dependencies, lease, self._recorder, sealer)
        self.interruption = Interruption(dependencies, lease.job.id)
        original = ReproducedJob(dependencies.store, dependencies.artifacts, lease.job.reproduces)
        self._original = original
        self._outcome = OutcomeRecorder(
            dependencies, lease, self._recorder, room, self.interruption, original
        )
        self._folder = dependencies.scratch / f"{lease.job.id}-{lease.attempt}"
        self._later_files = LaterFiles(self.interruption.urgent)

    def stop(self) -> None:
        """End the attempt as soon as the renderer stops, and put the job back into the queue."""
        self.interruption.stop()

    def drawn_job(self) -> DrawnJob | None:
        """Return what its job is to a critical one that waits; None if it gives its device to none any more."""
        if self.keeps_device or self.interruption.requested.is_set():
            return None
        family, interval = self._entry.family, self._dependencies.timing.checkpoint_seconds
        resumes = bool(interval) and (family is None or family.resumes)
        return DrawnJob(
            priority=self._lease.job.priority,
            stage=self._recorder.stage,
            preemptions=self._lease.job.preemptions,
            lost_seconds=0.0 if resumes else self._recorder.scene_seconds,
            left_seconds=self.place.seconds_left(),
        )

    async def run(self) -> None:
        """Render the job and end the attempt.

        Raises `LeaseLost` if another worker has taken the job over, and `DamagedLog` and `LogUnavailable`: the attempt
        has not ended then, and can be run again.
        """
        annotate(attempt=self._lease.attempt, position=self._lease.position)
        try:
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(self._recorder.stages.run()),
                    group.create_task(self._recorder.progress.run()),
                    group.create_task(self._recorder.run()),
                    group.create_task(self.interruption.run()),
                ]
                watcher = group.create_task(self._watch_job())
                outcome = await self._render(group)
                self.interruption.is_rendering = False
                self.place.leave_device()
                await self._dependencies.servers.note(self._entry, outcome)
                await self._later_files.stored()
                await self._outcome.record(outcome, watcher)
                await self._checkpoints.end()
                await end_tasks((*background, watcher))
        except BaseExceptionGroup as failures:
            cause = first_error(failures, NOT_OF_THE_ATTEMPT)
            if cause is None:
                raise
            if isinstance(cause, LeaseLost):
                await delete_late_files(self._dependencies.store, self._dependencies.artifacts, self.job_id)
            raise cause from None
        finally:
            await self._recorder.progress.flush()
            await self._live_video.end()
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _render(self, group: asyncio.TaskGroup) -> Outcome:
        """Render the job in the inference process and return the outcome."""
        try:
            fetched = await self._fetch_models()
            if fetched is None:
                return CancelledMessage(job_id=self._lease.job.id)
            job = await self._prepare(*fetched)
        except DownloadFailed as failed:
            return FailedMessage(
                job_id=self._lease.job.id,
                code=failed.code,
                message=failed.message,
                retryable=failed.retryable,
            )
        except InputUnusable as unusable:
            error = unusable.error
            logger.warning("job %s cannot start: %s", self._lease.job.id, error.code)
            return FailedMessage(
                job_id=self._lease.job.id, code=error.code, message=error.message, retryable=error.retryable
            )
        if self.interruption.requested.is_set():
            return CancelledMessage(job_id=job.job_id)
        inference = self._dependencies.inference
        begun, self.interruption.is_rendering = False, True
        try:
            async with aclosing(inference.run(job)) as messages:
                while True:
                    message = await self._next_message(messages)
                    if isinstance(message, FinishedMessage | FailedMessage | CancelledMessage):
                        return message
                    begun = True
                    if isinstance(message, StageStartedMessage) and message.stage == Stage.ASSEMBLE:
                        self.place.leave_device()
                    if self.interruption.requested.is_set():
                        inference.cancel(job.job_id)
                    if isinstance(message, CheckpointMessage):
                        self._later_files.start(group, self._checkpoints.store(message))
                    if isinstance(message, LiveVideoMessage):
                        self._later_files.start(group, self._live_video.store(message))
                    file = self._recorder.record(message, self._entry.name)
                    if file is not None and self._lease.job.scenes:
                        self._later_files.start(group, self._store_scene(file))
        except TimeoutError:
            await inference.kill(job.job_id)
            code, text = "STALLED", "the renderer made no progress and was stopped"
        except (RuntimeError, OSError, StopAsyncIteration) as error:
            logger.error("the inference process cannot be used: %s", error)
            code, text = "WORKER_CRASHED", "the inference process cannot be used"
            if not begun:
                code, text = WORKER_NOT_READY, "the inference process could not be started"
        return FailedMessage(job_id=job.job_id, code=code, message=text, retryable=True)

    async def _next_message(self, messages: AsyncGenerator[Message, None]) -> Message:
        """Return the next message of the rendering. Raises `TimeoutError` if it stalls once the device is free for it.

        Raises what `InferenceClient.run` raises.
        """
        loop, limit = asyncio.get_running_loop(), asyncio.timeout(None)

        async def set_limit() -> None:
            await self.place.first()
            limit.reschedule(loop.time() + self._dependencies.timing.stall_timeout_seconds)

        async with limit:
            if self.place.is_first:
                await set_limit()
                return await anext(messages)
            waiting = asyncio.create_task(set_limit())
            try:
                return await anext(messages)
            finally:
                await end_tasks((waiting,))

    async def _fetch_models(self) -> _Fetched | None:
        """Return the model of the job and what belongs to it, downloaded if needed; None if the attempt is to end.

        Raises `DownloadFailed`.
        """
        fetching = asyncio.create_task(self._fetched_models())
        ending = asyncio.create_task(self.interruption.requested.wait())
        try:
            await asyncio.wait((fetching, ending), return_when=asyncio.FIRST_COMPLETED)
            return fetching.result() if fetching.done() else None
        finally:
            await end_tasks((fetching, ending))

    async def _fetched_models(self) -> _Fetched:
        models, report = self._dependencies.models, self._recorder.record_download
        files = await models.fetched(self._entry, report)
        model = model_source(self._entry, files, await self._dependencies.servers.api_key(self._entry))
        await note_memory_need(self._dependencies.status, self._entry)
        spec, catalogue = self._lease.job.spec, self._dependencies.catalogue
        loras = []
        for named in spec.loras:
            lora = catalogue.loras[named.name]
            files = await models.fetched_lora(lora, report) if named.weight else None
            loras.append(lora_source(lora, named.weight, self._entry, files))
        if not spec.upscaler:
            return model, None, tuple(loras)
        upscaler = catalogue.upscalers[spec.upscaler]
        files = await models.fetched_upscaler(upscaler, report)
        return model, upscaler_source(upscaler, files), tuple(loras)

    async def _prepare(
        self, model: ModelSource, upscaler: UpscalerSource | None, loras: Sequence[LoraSource]
    ) -> RenderJob:
        """Fetch the inputs and the scenes of earlier attempts, and return what to render. Raises `InputUnusable`."""
        job = self._lease.job
        started = perf_counter()
        self._recorder.start_stage(Stage.STORYBOARD)
        await asyncio.to_thread(self._folder.mkdir, PRIVATE_FOLDER, exist_ok=True)
        finished_scenes = await self._fetch_scenes(job)
        artifacts = self._dependencies.artifacts
        inputs = await fetch_inputs(artifacts, job, self._unsealed, self._sealer, self._folder)
        render_job = build_render_job(
            job, self._unsealed, self._entry, self._folder, finished_scenes, inputs, loras
        )
        checkpoints = await self._checkpoints.plan(self._folder)
        original = await self._original.fetch(self._folder)
        render_job = replace(
            render_job, model=model, upscaler=upscaler, checkpoints=checkpoints, original=original
        )
        self._recorder.start_estimate(render_job, self._entry.name)
        self._recorder.finish_stage(Stage.STORYBOARD, perf_counter() - started)
        return render_job

    async def _fetch_scenes(self, job: Job) -> list[SceneFile]:
        """Fetch scenes of earlier attempts. If the store cannot be read, return none: they are rendered again."""
        try:
            return await fetch_scenes(self._dependencies.artifacts, job, self._folder)
        except Exception as error:
            logger.warning("scenes of job %s cannot be fetched: %s", job.id, type(error).__name__)
            text = "scenes of an earlier attempt cannot be fetched and are rendered again"
            self._recorder.progress.put_log_line("WARNING", text)
            return []

    async def _store_scene(self, file: SceneFile) -> None:
        """Store a rendered scene and record it. If that fails, a later attempt renders the scene again."""
        lease, store = self._lease, self._dependencies.artifacts
        folder = job_folder(lease.job.tenant, lease.job.id)
        try:
            artifact = await store_scene(store, file, folder)
            thumbnail = await store_thumbnail(store, file, folder)
        except Exception as error:
            logger.warning(
                "scene %d of job %s cannot be stored: %s", file.index, lease.job.id, type(error).__name__
            )
            text = f"scene {file.index + 1} could not be stored for later attempts"
            self._recorder.progress.put_log_line("WARNING", text)
            return
        await self._recorder.stages.flush()  # the scene's stages precede it in the history
        await lease.record(
            RecordScene(
                id=new_id(),
                actor=self._dependencies.worker,
                attempt=lease.attempt,
                scene=file.index,
                artifact=artifact,
                thumbnail=thumbnail,
            )
        )

    async def _watch_job(self) -> None:
        """End the rendering of a cancelled or paused job. Raises `LeaseLost` if another worker takes the job."""
        job_id = self._lease.job.id
        subscription = await retry_until_log_available(
            partial(self._dependencies.notifier.subscribe, job_id), f"watching job {job_id}"
        )
        try:
            while True:
                notified = await subscription.next_position(self._dependencies.timing.tail_check_seconds)
                position = notified if notified is not None else self._lease.position + 1
                job = await self._lease.refresh(position)
                if job.cancel_requested:
                    self.interruption.cancel()
                elif job.paused_at is not None and self._recorder.stage not in FINISHING_STAGES:
                    self.interruption.pause()
        finally:
            await subscription.close()
