"""Attempts and their outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
from kinolog_worker.inference.messages import (
    FailedMessage,
    Message,
    RenderJob,
    StageStartedMessage,
    StepMessage,
)

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.commands import Cancel, Erase, GiveUp, Reprioritize
from kinolog.job.commit import Commit
from kinolog.job.values import ArtifactKind, JobError, Priority, Stage, Status
from kinolog.ports.artifacts import StagedContent, StoredArtifact, job_folder
from kinolog.ports.event_store import Appended
from kinolog.ports.progress import Progress
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.builders.memory_worker import ME, MemoryWorker
from tests.builders.scripted_inference import ScriptedInference, endless, failing, rendering, unresponsive
from tests.fixtures.waits import until_true


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


async def test_a_job_is_completed_from_its_ticket(memory_worker: MemoryWorker) -> None:
    """A ticket leads to a completed job with its artifacts and is acknowledged; temporary files are removed."""
    job_id = await memory_worker.submit()
    job = await memory_worker.work(job_id)
    assert (job.status, job.attempt, job.worker, job.gpu_seconds) == (Status.COMPLETED, 1, ME, 2.5)
    assert [artifact.kind for artifact in job.artifacts] == [
        ArtifactKind.VIDEO,
        ArtifactKind.THUMBNAIL,
        ArtifactKind.PREVIEW,
    ]
    assert all(scene.artifact and scene.thumbnail for scene in job.scenes)
    assert await memory_worker.issuer.outstanding() == {}
    assert [path.name for path in memory_worker.folder.iterdir()] == [".in-use"]
    assert (memory_worker.dependencies.status.jobs_completed, memory_worker.dependencies.status.job_id) == (
        1,
        "",
    )


async def test_the_render_job(memory_worker: MemoryWorker) -> None:
    """The render job holds the prompts in the clear, and everything else as it was submitted."""
    await memory_worker.work(await memory_worker.submit("A star. Then a ring."))
    (render_job,) = memory_worker.inference.jobs
    assert [scene.prompt for scene in render_job.scenes] == ["A star.", "a ring."]
    assert (render_job.width, render_job.height, render_job.fps, render_job.steps) == (64, 48, 8, 4)
    assert (render_job.model.name, render_job.model.location) == ("card", "embedded:card")


async def test_scenes_follow_their_stages(memory_worker: MemoryWorker) -> None:
    """In the history a rendered scene follows the stages that made it, and times never decrease."""
    job_id = await memory_worker.submit()
    await memory_worker.work(job_id)
    events = await memory_worker.events(job_id)
    names = [
        (type(event).__name__, event.scene)
        for event in events
        if isinstance(event, e.SceneRendered)
        or (isinstance(event, e.StageFinished) and event.stage is Stage.DENOISE)
    ]
    for scene in (0, 1):
        assert names.index(("StageFinished", scene)) < names.index(("SceneRendered", scene))
    assert [event.at for event in events] == sorted(event.at for event in events)


async def test_a_cancellation_reaches_the_renderer(memory_worker: MemoryWorker) -> None:
    """A job that is cancelled while it is rendered ends cancelled, and its ticket is acknowledged."""
    memory_worker.inference.script = endless
    job_id = await memory_worker.submit()
    working = asyncio.create_task(memory_worker.work(job_id))
    await memory_worker.until(job_id, lambda job: job.status is Status.PROCESSING)
    await memory_worker.send(job_id, Cancel(id=new_id(), actor="ann"))
    assert (await working).status is Status.CANCELLED
    assert await memory_worker.issuer.outstanding() == {}


async def test_a_cancel_that_was_accepted_first_wins(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancel that arrives between the last look at the job and the append of its completion ends it cancelled."""
    job_id = await memory_worker.submit()
    append = memory_worker.store.append

    async def cancelled_before(commit: Commit) -> Appended:
        if any(isinstance(event, e.Completed) for event in commit.events):
            monkeypatch.setattr(memory_worker.store, "append", append)
            await memory_worker.send(job_id, Cancel(id=new_id(), actor="ann"))
        return await append(commit)

    monkeypatch.setattr(memory_worker.store, "append", cancelled_before)
    job = await memory_worker.work(job_id)
    assert (job.status, job.artifacts) == (Status.CANCELLED, ())
    assert memory_worker.dependencies.status.jobs_completed == 0
    assert await memory_worker.issuer.outstanding() == {}


async def test_an_unresponsive_renderer_is_killed(memory_worker: MemoryWorker) -> None:
    """A renderer that does not stop when it is cancelled is killed, and the job ends cancelled."""
    memory_worker.inference.script = unresponsive
    job_id = await memory_worker.submit()
    working = asyncio.create_task(memory_worker.work(job_id))
    await until_true(lambda: memory_worker.inference.jobs, "the renderer has the job")
    await memory_worker.send(job_id, Cancel(id=new_id(), actor="ann"))
    assert (await working).status is Status.CANCELLED
    assert memory_worker.inference.killed.is_set()


async def test_a_stalled_renderer_is_killed(memory_worker: MemoryWorker) -> None:
    """A renderer that sends nothing for too long is killed, and the attempt fails."""
    memory_worker.set_timing(stall_timeout_seconds=0.05)
    memory_worker.inference.script = unresponsive
    job_id = await memory_worker.submit()
    job = await memory_worker.work(job_id)
    assert job.status is Status.QUEUED
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "STALLED"
    assert memory_worker.inference.killed.is_set()


async def test_other_changes_do_not_disturb_an_attempt(memory_worker: MemoryWorker) -> None:
    """A change of priority during an attempt is applied, and the job is completed."""
    job_id = await memory_worker.submit()

    async def reprioritized(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        async for message in rendering(inference, job):
            yield message
            if isinstance(message, StageStartedMessage) and message.scene == 1:
                await memory_worker.send(
                    job_id, Reprioritize(id=new_id(), actor="ann", priority=Priority.LOW)
                )

    memory_worker.inference.script = reprioritized
    job = await memory_worker.work(job_id)
    assert (job.status, job.priority) == (Status.COMPLETED, Priority.LOW)


async def test_a_lost_lease_drops_the_work(memory_worker: MemoryWorker) -> None:
    """When another worker takes the job over, the attempt is dropped: no append, and the ticket is left alone."""
    memory_worker.inference.script = endless
    job_id = await memory_worker.submit()
    working = asyncio.create_task(memory_worker.work(job_id))
    await memory_worker.until(job_id, lambda job: job.status is Status.PROCESSING)
    await memory_worker.start_elsewhere(job_id)
    job = await working
    assert (job.status, job.worker) == (Status.PROCESSING, "worker-other")
    assert set(await memory_worker.issuer.outstanding()) == {job_id}
    assert isinstance((await memory_worker.events(job_id))[-1], e.AttemptStarted)


class OvertakenStore(MemoryArtifacts):
    """A store that is slow with finished files: `overtake` happens before they are at their address."""

    overtake: Callable[[], Awaitable[object]]

    async def commit(
        self, staged: StagedContent, suffix: str, *, keep_staged: bool = False
    ) -> StoredArtifact:
        """Let everything else happen first."""
        if suffix != ".mp4":
            await self.overtake()
        return await super().commit(staged, suffix, keep_staged=keep_staged)


async def test_files_that_are_stored_after_an_erasure(memory_worker: MemoryWorker) -> None:
    """A worker that lost the job, which then ended and was erased, deletes what it has stored."""
    store = OvertakenStore()
    memory_worker.set_artifacts(store)
    job_id = await memory_worker.submit()
    folder = job_folder((await memory_worker.job(job_id)).tenant, job_id)

    async def overtake() -> None:
        if not (await memory_worker.job(job_id)).erased:
            await memory_worker.start_elsewhere(job_id)
            error = JobError(code="BROKEN", message="it cannot be rendered", retryable=False)
            await memory_worker.send(
                job_id,
                GiveUp(id=new_id(), actor="ann", error=error),
                Erase(id=new_id(), actor="ann"),
            )
            await store.delete_all(folder)

    store.overtake = overtake
    assert (await memory_worker.work(job_id)).erased
    assert await store.keys_of(folder) == []


async def test_a_retryable_failure_is_retried_later(memory_worker: MemoryWorker) -> None:
    """After a retryable failure the job is queued with a delay that grows with every attempt."""
    memory_worker.inference.script = failing("OUT_OF_MEMORY", retryable=True)
    job_id = await memory_worker.submit()
    pauses = []
    for _ in range(2):
        job = await memory_worker.work(job_id)
        assert job.not_before is not None
        pauses.append((job.not_before - job.updated_at).total_seconds())
        memory_worker.now = job.not_before
    assert pauses == pytest.approx([5.0, 10.0], abs=0.1)
    assert (await memory_worker.work(job_id)).status is Status.FAILED


async def test_a_failure_that_is_not_retryable(memory_worker: MemoryWorker) -> None:
    """After a failure that is not retryable the job has failed with the renderer's code and message."""
    memory_worker.inference.script = failing("REQUEST_UNSUPPORTED", retryable=False)
    job = await memory_worker.work(await memory_worker.submit())
    assert (job.status, job.error) == (
        Status.FAILED,
        JobError(code="REQUEST_UNSUPPORTED", message="the script fails", retryable=False),
    )


async def half_rendered(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    """A run that denoises half of its first scene and fails."""
    yield StageStartedMessage(job_id=job.job_id, stage="denoise", scene=0)
    half = job.steps // 2
    yield StepMessage(job_id=job.job_id, stage="denoise", scene=0, step=half, steps=job.steps)
    yield FailedMessage(job_id=job.job_id, code="RENDERER_FAILED", message="half", retryable=False)


async def test_a_failed_attempt_says_how_far_it_was(memory_worker: MemoryWorker) -> None:
    """The end of a failed job in the log has the percentage that its worker reported last."""
    memory_worker.inference.script = half_rendered
    job = await memory_worker.work(await memory_worker.submit())
    progress = await memory_worker.progress.last_progress(job.id, 1)
    assert progress is not None
    assert 0.0 < job.last_percent == job.attempts[0].percent == progress.percent < 100.0


@pytest.mark.parametrize(
    ("code", "failed"),
    [
        ("RENDERER_FAILED", 1),
        ("RENDERER_FROZEN", 1),
        ("SCRATCH_FULL", 0),
        ("WORKER_NOT_READY", 0),
        ("WORKER_FROZEN", 0),
        ("RENDERER_STOPPED", 0),
    ],
)
async def test_trouble_of_the_service_is_no_failed_attempt(
    memory_worker: MemoryWorker, code: str, failed: int
) -> None:
    """The worker counts attempts that failed by the job's own fault; a full disk is not one of them."""
    memory_worker.inference.script = failing(code, retryable=False)
    await memory_worker.work(await memory_worker.submit())
    assert memory_worker.dependencies.status.attempts_failed == failed


class FullStore(MemoryArtifacts):
    """A store that takes scenes, or nothing at all, but no finished files."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self.takes = takes

    async def commit(
        self, staged: StagedContent, suffix: str, *, keep_staged: bool = False
    ) -> StoredArtifact:
        """Move staged content to its address, as long as there is room."""
        self.takes -= 1
        if self.takes < 0:
            raise OSError("the disk at /secret/place is full")
        return await super().commit(staged, suffix, keep_staged=keep_staged)


async def test_files_that_cannot_be_stored_fail_the_attempt(memory_worker: MemoryWorker) -> None:
    """If the finished files cannot be stored, the attempt fails as retryable, and paths stay private."""
    memory_worker.set_artifacts(FullStore(takes=2))
    job = await memory_worker.work(await memory_worker.submit())
    assert job.status is Status.QUEUED
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "STORE_FAILED"
    assert "/secret" not in job.attempts[0].error.message


async def test_a_scene_that_cannot_be_stored_harms_nothing(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scene that cannot be stored is not recorded, and the job is completed without it."""
    stage = memory_worker.dependencies.artifacts.stage

    async def no_scenes(content: Path, job_id: str) -> StagedContent:
        if content.name.startswith("scene"):
            raise OSError("no room")
        return await stage(content, job_id)

    monkeypatch.setattr(memory_worker.dependencies.artifacts, "stage", no_scenes)
    job = await memory_worker.work(await memory_worker.submit())
    assert job.status is Status.COMPLETED
    assert [scene.artifact for scene in job.scenes] == [None, None]


async def test_a_file_that_changes_before_it_is_stored(memory_worker: MemoryWorker) -> None:
    """A finished file without the renderer's hash fails the attempt."""

    async def with_changed_video(
        inference: ScriptedInference, job: RenderJob
    ) -> AsyncGenerator[Message, None]:
        async for message in rendering(inference, job):
            (job.folder / "video.mp4").write_bytes(b"something else")
            yield message

    memory_worker.inference.script = with_changed_video
    job = await memory_worker.work(await memory_worker.submit())
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "STORE_FAILED"


async def test_stopping_queues_a_running_job_again(memory_worker: MemoryWorker) -> None:
    """A worker that is stopped fails its attempt so that another worker can start the job at once."""
    memory_worker.inference.script = endless
    job_id = await memory_worker.submit()
    working = asyncio.create_task(memory_worker.work(job_id))
    await memory_worker.until(job_id, lambda job: job.status is Status.PROCESSING)
    memory_worker.ticket_handler.stop()
    job = await working
    assert job.status is Status.QUEUED
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_STOPPED"
    assert job.not_before is not None
    assert job.not_before <= memory_worker.now


async def test_progress(memory_worker: MemoryWorker) -> None:
    """Percent grows with the steps and stays below 100 until the job is completed."""
    job_id = await memory_worker.submit()
    await memory_worker.work(job_id)
    percents = [
        update.percent
        for update in await memory_worker.progress.recent(job_id)
        if isinstance(update, Progress)
    ]
    assert percents == sorted(percents)
    assert 0 < percents[-1] < 100
