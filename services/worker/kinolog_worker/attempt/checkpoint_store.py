"""Checkpoints of the scene of an attempt: sealed into the artifact store, and back from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from kinolog.ids import new_id
from kinolog.job.checkpoint import StoredCheckpoint
from kinolog.job.commands import RecordCheckpoint
from kinolog.ports.artifacts import StagedContent, commit_or_discard, is_artifact, job_folder
from kinolog.ports.live_video.parts import part_of
from kinolog.privacy.sealed_fields import checkpoint_content
from kinolog.privacy.sealer import Sealer
from kinolog_worker.attempt.artifact_files import write_pieces
from kinolog_worker.attempt.attempt_recorder import AttemptRecorder
from kinolog_worker.attempt.lease import Lease
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.inference.checkpoints.checkpoint_messages import (
    CheckpointMessage,
    CheckpointPlan,
    EarlierCheckpoint,
)

logger = logging.getLogger(__name__)

SUFFIX = ".sealed"
PIECE_BYTES = 1 << 20


class CheckpointStore:
    """Stores the checkpoints of one attempt, one at a time. Its troubles are log lines: they end no attempt.

    Where the store is slower than the checkpoints come, the newest one waits, and those before it are left out.

    A checkpoint stays staged besides, so that the sweep of the store finds what a worker that died has left.
    """

    def __init__(
        self, dependencies: WorkerDependencies, lease: Lease, recorder: AttemptRecorder, sealer: Sealer
    ) -> None:
        self._dependencies = dependencies
        self._artifacts = dependencies.artifacts
        self._lease = lease
        self._recorder = recorder
        self._sealer = sealer
        self._storing = asyncio.Lock()
        self._newest: CheckpointMessage | None = None
        self._is_continued = False
        """Whether an earlier attempt left a checkpoint."""
        self._stored: dict[str, StagedContent | None] = {}
        """The checkpoints that this attempt has to delete, by key, each with its staged content."""

    async def plan(self, folder: Path) -> CheckpointPlan:
        """Return how often checkpoints are made, and the one of an earlier attempt, written into a folder."""
        interval = self._dependencies.timing.checkpoint_seconds
        checkpoint = self._lease.job.checkpoint
        if checkpoint is None:
            return CheckpointPlan(interval_seconds=interval)
        self._stored[checkpoint.key] = None
        self._is_continued = True
        path = folder / "earlier-checkpoint.safetensors"
        content = checkpoint_content(self._sealer, checkpoint.scene, checkpoint.step)
        try:
            await write_pieces(content.unseal(self._artifacts.read(checkpoint.key)), path)
        except Exception as error:
            await asyncio.to_thread(path.unlink, missing_ok=True)  # as on a full disk
            self._warn(
                checkpoint.scene, "its checkpoint cannot be fetched, and it starts from its first step", error
            )
            return CheckpointPlan(interval_seconds=interval)
        earlier = EarlierCheckpoint(scene=checkpoint.scene, path=path)
        return CheckpointPlan(interval_seconds=interval, earlier=earlier)

    async def store(self, made: CheckpointMessage) -> None:
        """Store a checkpoint, record it, and delete the one before."""
        lease, worker = self._lease, self._dependencies.worker
        self._newest = made
        async with self._storing:
            try:
                if made is not self._newest or lease.job.cancel_requested:
                    return
                checkpoint = await self._put(made)
            except Exception as error:
                self._warn(made.scene, f"the checkpoint of step {made.step} cannot be stored", error)
                return
            finally:
                await asyncio.to_thread(made.path.unlink, missing_ok=True)
            await self._recorder.stages.flush()  # the stage that it is of precedes it in the history
            command = RecordCheckpoint(
                id=new_id(), actor=worker, attempt=lease.attempt, checkpoint=checkpoint
            )
            await lease.record(command)
        await self.delete_unused()

    async def delete_unused(self) -> None:
        """Delete the checkpoints that the job does not go on from any more."""
        used = self._lease.job.checkpoint
        for key, staged in list(self._stored.items()):
            if used is not None and key == used.key:
                continue
            try:
                if staged is not None:
                    await self._artifacts.discard(staged)
                await self._artifacts.delete(key)
            except Exception as error:
                logger.warning("a checkpoint of job %s is left: %s", self._lease.job.id, type(error).__name__)
            self._stored.pop(key, None)  # it may be gone: a slow store deletes beside the next one

    async def end(self) -> None:
        """Delete what is not used once the attempt has ended, with what earlier attempts left staged if the job has."""
        await self.delete_unused()
        job = self._lease.job
        if not (self._is_continued and job.status.terminal):
            return
        folder = job_folder(job.tenant, job.id)
        try:
            for key in await self._artifacts.keys_of(folder):
                if not is_artifact(key) and part_of(key.rpartition("/")[2]) is None:
                    staged = StagedContent(folder=folder, temporary_key=key, sha256="", size_bytes=0)
                    await self._artifacts.discard(staged)
        except Exception as error:
            logger.warning("staged files of job %s are left: %s", job.id, type(error).__name__)

    async def _put(self, made: CheckpointMessage) -> StoredCheckpoint:
        job = self._lease.job
        content = checkpoint_content(self._sealer, made.scene, made.step).seal(_pieces(made.path))
        staged = await self._artifacts.stage(content, job_folder(job.tenant, job.id))
        stored = await commit_or_discard(self._artifacts, staged, SUFFIX, keep_staged=True)
        self._stored[stored.key] = staged
        return StoredCheckpoint(
            attempt=self._lease.attempt,
            scene=made.scene,
            step=made.step,
            key=stored.key,
            size_bytes=stored.size_bytes,
        )

    def _warn(self, scene: int, what: str, error: Exception) -> None:
        kind = type(error).__name__
        logger.warning("scene %d of job %s: %s (%s)", scene, self._lease.job.id, what, kind)
        self._recorder.progress.put_log_line("WARNING", f"scene {scene + 1}: {what}")


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    """Yield the content of a file."""
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
