"""The checkpoints of one scene as files: one to go on from, and new ones, which a thread writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import TypeAlias

from kinolog_worker.inference.checkpoints.checkpoint_messages import (
    CheckpointMessage,
    CheckpointPlan,
    ResumedMessage,
)
from kinolog_worker.inference.messages import RenderJob
from kinolog_worker.renderers.renderer import Renderer
from kinolog_worker.renderers.scene_checkpoints import CheckpointMaker, WriteCheckpoint

WORTH_SECONDS = 1.0
"""A scene that is cancelled so long after its start, or its last checkpoint, has another one."""

SendMessage: TypeAlias = Callable[[CheckpointMessage | ResumedMessage], None]
"""Sends a message to the supervisor. Any thread may call it."""


@contextmanager
def scene_checkpoints(
    renderer: Renderer, job: RenderJob, scene: int, send: SendMessage, *, again: bool
) -> Iterator[None]:
    """Let the scene that is rendered in the block have checkpoints, if the renderer can make them.

    A scene that is rendered `again`, from another beginning, does not go on from an earlier one.
    """
    plan = replace(job.checkpoints, earlier=None) if again else job.checkpoints
    if not isinstance(renderer, CheckpointMaker) or not (plan.interval_seconds or plan.earlier):
        yield
        return
    files = SceneCheckpointFiles(plan, scene, job.folder, job.job_id, send)
    renderer.use_checkpoints(files)
    try:
        yield
    finally:
        renderer.use_checkpoints(None)
        files.close()


class SceneCheckpointFiles:
    """Makes a checkpoint every so many seconds, and tells the supervisor of each.

    The next one waits until the one before is written. One that cannot be written, as on a full disk, is left out.
    """

    def __init__(
        self,
        plan: CheckpointPlan,
        scene: int,
        folder: Path,
        job_id: str,
        send: SendMessage,
    ) -> None:
        self._plan = plan
        self._scene = scene
        self._folder = folder
        self._job_id = job_id
        self._send = send
        self._made_at = perf_counter()
        self._thread: Thread | None = None

    def earlier(self) -> Path | None:
        earlier = self._plan.earlier
        return earlier.path if earlier is not None and earlier.scene == self._scene else None

    def is_due(self, step: int) -> bool:
        interval = self._plan.interval_seconds
        is_writing = self._thread is not None and self._thread.is_alive()
        return bool(interval) and not is_writing and perf_counter() - self._made_at >= interval

    def is_last_wanted(self) -> bool:
        """Whoever cancels a scene may mean the worker: the job goes on elsewhere. A second of work is worth it."""
        is_worth = perf_counter() - self._made_at >= min(self._plan.interval_seconds, WORTH_SECONDS)
        return bool(self._plan.interval_seconds) and is_worth

    def put(self, step: int, write: WriteCheckpoint) -> None:
        self.close()
        self._made_at = perf_counter()
        self._thread = Thread(target=self._write, args=(step, write), name="checkpoint", daemon=True)
        self._thread.start()

    def resumed(self, step: int) -> None:
        self._made_at = perf_counter()
        self._send(ResumedMessage(job_id=self._job_id, scene=self._scene, step=step))

    def refused(self, reason: str) -> None:
        self.omitted(f"it starts from its first step, because its checkpoint cannot be used: {reason}")

    def omitted(self, reason: str) -> None:
        self._send(ResumedMessage(job_id=self._job_id, scene=self._scene, refusal=reason))

    def close(self) -> None:
        """Wait until the last checkpoint is written."""
        if self._thread is not None:
            self._thread.join()

    def _write(self, step: int, write: WriteCheckpoint) -> None:
        path = self._folder / f"checkpoint-{self._scene:04}-{step:05}.safetensors"
        unfinished = path.with_suffix(".part")
        try:
            write(unfinished)
            unfinished.replace(path)
        except Exception as error:
            unfinished.unlink(missing_ok=True)
            self.omitted(f"no checkpoint can be written ({type(error).__name__})")
            return
        self._send(CheckpointMessage(job_id=self._job_id, scene=self._scene, step=step, path=path))
