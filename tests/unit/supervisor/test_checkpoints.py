"""Checkpoints of a scene: stored while it is rendered, given to the next attempt, and gone with the job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from functools import partial
from operator import eq
from pathlib import Path

import pytest
from kinolog_worker.attempt import artifact_files
from kinolog_worker.inference.checkpoints.checkpoint_messages import CheckpointMessage
from kinolog_worker.inference.messages import (
    CancelledMessage,
    Message,
    RenderJob,
    StageStartedMessage,
    StepMessage,
)

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.commands import Cancel
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.artifacts import ArtifactsUnavailable, StagedContent, job_folder
from kinolog.ports.progress import LogLevel, LogLine
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.builders.memory_worker import MemoryWorker, issued, supervised
from tests.builders.scripted_inference import ScriptedInference, failing, rendering
from tests.fixtures.waits import WAIT_SECONDS, until, until_true


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


def _content(step: int) -> bytes:
    return b"latents of step %d" % step * 10_000


async def _checkpoints(job: RenderJob, *steps: int) -> AsyncGenerator[Message, None]:
    """The messages of a scene with checkpoints after these steps."""
    yield StageStartedMessage(job_id=job.job_id, stage="denoise", scene=0)
    for step in steps:
        yield StepMessage(job_id=job.job_id, stage="denoise", scene=0, step=step, steps=job.steps)
        path = job.folder / f"checkpoint-{step}"
        path.write_bytes(_content(step))
        yield CheckpointMessage(job_id=job.job_id, scene=0, step=step, path=path)


async def _crashing(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    """A run that makes two checkpoints of the first scene and ends."""
    async for message in _checkpoints(job, 1, 2):
        yield message
    async for message in failing("WORKER_CRASHED", retryable=True)(inference, job):
        yield message


async def _sealed(worker: MemoryWorker, job: Job) -> list[str]:
    """The keys of the checkpoints of a job, staged ones too."""
    keys = await worker.dependencies.artifacts.keys_of(job_folder(job.tenant, job.id))
    return [key for key in keys if key.endswith(".sealed") or key.startswith("tmp/")]


async def _next_attempt(worker: MemoryWorker, job: Job) -> tuple[Job, bytes | None]:
    """Let the next attempt render the job. Return the job, and the checkpoint that the attempt was given."""
    given: list[bytes | None] = []

    async def reading(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        earlier = job.checkpoints.earlier
        given.append(None if earlier is None else earlier.path.read_bytes())
        assert (earlier is None) == (not list(job.folder.glob("earlier-checkpoint*")))
        async for message in rendering(inference, job):
            yield message

    worker.now = job.not_before or worker.now
    worker.inference.script = reading
    job = await worker.work(job.id)
    return job, given[0]


async def _warnings(worker: MemoryWorker, job: Job) -> list[str]:
    updates = await worker.progress.recent(job.id)
    lines = [update for update in updates if isinstance(update, LogLine)]
    return [line.message for line in lines if line.level is LogLevel.WARNING]


async def test_the_next_attempt_goes_on_from_the_last_checkpoint(memory_worker: MemoryWorker) -> None:
    """It is the only one that is stored, sealed. Once its scene is rendered it is gone."""
    job_id = await memory_worker.submit()
    memory_worker.inference.script = _crashing
    job = await memory_worker.work(job_id)
    assert job.status is Status.QUEUED
    assert job.checkpoint is not None
    assert (job.checkpoint.attempt, job.checkpoint.scene, job.checkpoint.step) == (1, 0, 2)
    keys = [key for key in await _sealed(memory_worker, job) if not key.startswith("tmp/")]
    assert keys == [job.checkpoint.key]
    stored = b"".join([piece async for piece in memory_worker.dependencies.artifacts.read(keys[0])])
    assert len(stored) == job.checkpoint.size_bytes > len(_content(2))
    assert b"latents" not in stored
    assert not list(memory_worker.folder.rglob("checkpoint-*"))
    events = [event for event in await memory_worker.events(job_id) if isinstance(event, e.CheckpointStored)]
    assert [event.checkpoint.step for event in events] == [1, 2]
    job, given = await _next_attempt(memory_worker, job)
    assert (job.status, given, job.checkpoint) == (Status.COMPLETED, _content(2), None)
    assert await _sealed(memory_worker, job) == []


def _without(store: MemoryArtifacts, key: str) -> None:
    store.replace(key, None)


def _damaged(store: MemoryArtifacts, key: str) -> None:
    store.replace(key, b"damaged")


@pytest.mark.parametrize("change", [_without, _damaged])
async def test_a_checkpoint_that_cannot_be_read_is_left_out(
    memory_worker: MemoryWorker, change: Callable[[MemoryArtifacts, str], None]
) -> None:
    """The attempt begins the scene, and says so."""
    store = MemoryArtifacts()
    memory_worker.set_artifacts(store)
    memory_worker.inference.script = _crashing
    job = await memory_worker.work(await memory_worker.submit())
    assert job.checkpoint is not None
    change(store, job.checkpoint.key)
    job, given = await _next_attempt(memory_worker, job)
    assert (job.status, given) == (Status.COMPLETED, None)
    warning = "scene 1: its checkpoint cannot be fetched, and it starts from its first step"
    assert warning in await _warnings(memory_worker, job)


class _StoreWithoutRoom(MemoryArtifacts):
    """A store that takes plain files, as scenes are, and nothing sealed."""

    async def stage(self, content: Path | AsyncIterable[bytes], folder: str) -> StagedContent:
        """Stage content, if it is a file."""
        if not isinstance(content, Path):
            raise ArtifactsUnavailable("no space left")
        return await super().stage(content, folder)


async def test_a_store_without_room_is_a_warning(memory_worker: MemoryWorker) -> None:
    """The job goes on, and no file of a checkpoint is left on the disk."""
    memory_worker.set_artifacts(_StoreWithoutRoom())

    async def with_checkpoint(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        async for message in _checkpoints(job, 1):
            yield message
        async for message in rendering(inference, job):
            yield message

    memory_worker.inference.script = with_checkpoint
    job = await memory_worker.work(await memory_worker.submit())
    assert (job.status, job.checkpoint) == (Status.COMPLETED, None)
    assert await _warnings(memory_worker, job) == ["scene 1: the checkpoint of step 1 cannot be stored"]


async def test_a_cancelled_job_has_no_checkpoint(memory_worker: MemoryWorker) -> None:
    """Nothing of it is left in the store."""
    job_id = await memory_worker.submit()

    async def cancelled(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        async for message in _checkpoints(job, 1):
            yield message
        await memory_worker.send(job_id, Cancel(id=new_id(), actor="ann"))
        yield CancelledMessage(job_id=job.job_id)

    memory_worker.inference.script = cancelled
    job = await memory_worker.work(job_id)
    assert (job.status, job.checkpoint) == (Status.CANCELLED, None)
    assert await _sealed(memory_worker, job) == []


class _HeldStore(MemoryArtifacts):
    """A store that neither takes nor returns sealed content before the `gate` is open."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

    async def stage(self, content: Path | AsyncIterable[bytes], folder: str) -> StagedContent:
        """Stage content."""
        if not isinstance(content, Path):
            self.reached.set()
            await self.gate.wait()
        return await super().stage(content, folder)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield content."""
        self.reached.set()
        await self.gate.wait()
        async for piece in super().read(key, start, end):
            yield piece


@pytest.fixture
def held_store(memory_worker: MemoryWorker) -> _HeldStore:
    """The store of the worker, which gives running jobs no time when it is stopped."""
    store = _HeldStore()
    memory_worker.set_timing(shutdown_grace_seconds=0.0, cancel_timeout_seconds=0.0)
    memory_worker.set_artifacts(store)
    return store


async def test_behind_a_slow_store_the_newest_checkpoint_waits(
    memory_worker: MemoryWorker, held_store: _HeldStore
) -> None:
    """Those before it are left out, so that they fill neither the disk nor the time after the rendering."""

    async def checkpoints(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        async for message in _checkpoints(job, 1, 2, 3):
            yield message
            if isinstance(message, CheckpointMessage):
                await held_store.reached.wait()
        held_store.gate.set()
        async for message in failing("WORKER_CRASHED", retryable=True)(inference, job):
            yield message

    memory_worker.inference.script = checkpoints
    job_id = await memory_worker.submit()
    await memory_worker.work(job_id)
    events = [event for event in await memory_worker.events(job_id) if isinstance(event, e.CheckpointStored)]
    assert [event.checkpoint.step for event in events] == [1, 3]


class _HeldDeletion(MemoryArtifacts):
    """A store whose first deletion waits until the `gate` is open."""

    def __init__(self) -> None:
        super().__init__()
        self.deletions, self.gate = 0, asyncio.Event()

    async def delete(self, key: str) -> bool:
        """Delete content."""
        self.deletions += 1
        if self.deletions == 1:
            await self.gate.wait()
        return await super().delete(key)


async def test_a_store_that_deletes_slowly_harms_nothing(memory_worker: MemoryWorker) -> None:
    """The next checkpoints are stored meanwhile, and none is left."""
    store = _HeldDeletion()
    memory_worker.set_artifacts(store)
    job_id = await memory_worker.submit()

    async def stored_step() -> int:
        checkpoint = (await memory_worker.job(job_id)).checkpoint
        return 0 if checkpoint is None else checkpoint.step

    async def checkpoints(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        async for message in _checkpoints(job, 1, 2, 3):
            yield message
            if isinstance(message, CheckpointMessage):
                await until(stored_step, "it is stored", partial(eq, message.step))
        await until_true(lambda: store.deletions == 3, "the others are deleted")
        store.gate.set()
        async for message in rendering(inference, job):
            yield message

    memory_worker.inference.script = checkpoints
    job = await memory_worker.work(job_id)
    assert (job.status, job.attempt, job.checkpoint) == (Status.COMPLETED, 1, None)
    assert await _sealed(memory_worker, job) == []


async def test_a_worker_that_stops_does_not_wait_for_the_store(
    memory_worker: MemoryWorker, held_store: _HeldStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the attempt reaches the log: without it the next worker records a loss, which counts."""
    monkeypatch.setattr(artifact_files, "LATE_SECONDS", 0.01)

    async def stopped(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        async for message in _checkpoints(job, 1):
            yield message
        await inference.cancelled.wait()
        yield CancelledMessage(job_id=job.job_id)

    memory_worker.inference.script = stopped
    async with supervised(memory_worker):
        job_id = await issued(memory_worker)
        async with asyncio.timeout(WAIT_SECONDS):
            await held_store.reached.wait()
    job = await memory_worker.job(job_id)
    assert (job.status, job.checkpoint) == (Status.QUEUED, None)
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_STOPPED"


async def test_a_job_that_is_cancelled_as_its_files_are_fetched_ends_no_process(
    memory_worker: MemoryWorker, held_store: _HeldStore
) -> None:
    """The inference process may draw another job, however long the store takes."""
    held_store.gate.set()
    memory_worker.inference.script = _crashing
    job = await memory_worker.work(await memory_worker.submit())
    held_store.gate.clear()
    held_store.reached.clear()
    memory_worker.now = job.not_before or memory_worker.now
    working = asyncio.create_task(memory_worker.work(job.id))
    async with asyncio.timeout(WAIT_SECONDS):
        await held_store.reached.wait()
    await memory_worker.send(job.id, Cancel(id=new_id(), actor="ann"))

    def is_enforced() -> bool:
        return not any("_enforce_cancel" in repr(task.get_coro()) for task in asyncio.all_tasks())

    await until_true(is_enforced, "the time to stop is over")
    held_store.gate.set()
    assert (await working).status is Status.CANCELLED
    assert (memory_worker.inference.killed.is_set(), len(memory_worker.inference.jobs)) == (False, 1)
