"""How attempts go and how they end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from kinolog_worker.inference.messages import Message, RenderJob, StageStartedMessage

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.commands import Cancel, RecordScene, Reprioritize
from kinolog.job.values import Artifact as JobArtifact
from kinolog.job.values import ArtifactKind, JobError, Priority, Stage, Status
from kinolog.ports.artifacts import StagedContent, StoredArtifact
from kinolog.ports.progress import LogLine, Progress
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.unit.supervisor.bench import (
    ME,
    Bench,
    ToldInference,
    deaf,
    endless,
    failing,
    rendering,
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty bench."""
    return Bench(tmp_path)


async def test_a_job_is_seen_through(bench: Bench) -> None:
    """A ticket leads to a completed job with its artifacts, and is removed; the files made on the way are gone."""
    job_id = await bench.submitted()
    job = await bench.work(job_id)
    assert (job.status, job.attempt, job.worker, job.gpu_seconds) == (Status.COMPLETED, 1, ME, 2.5)
    assert [artifact.kind for artifact in job.artifacts] == [
        ArtifactKind.VIDEO,
        ArtifactKind.THUMBNAIL,
        ArtifactKind.PREVIEW,
    ]
    assert all(scene.artifact is not None for scene in job.scenes)
    assert await bench.office.outstanding() == {}
    assert list(bench.folder.iterdir()) == []
    assert (bench.parts.status.jobs_completed, bench.parts.status.job_id) == (1, "")


async def test_what_the_renderer_is_asked(bench: Bench) -> None:
    """The order holds the prompts in the clear, and everything else as it was submitted."""
    await bench.work(await bench.submitted("A star. A ring."))
    (order,) = bench.inference.orders
    assert [scene.prompt for scene in order.scenes] == ["A star.", "A ring."]
    assert (order.width, order.height, order.fps, order.steps) == (64, 48, 8, 4)
    assert (order.model.name, order.model.location) == ("card", "embedded:card")


async def test_scenes_stand_behind_their_stages(bench: Bench) -> None:
    """In the history a rendered scene comes after the stages that made it, and times never go back."""
    job_id = await bench.submitted()
    await bench.work(job_id)
    events = await bench.events(job_id)
    names = [
        (type(event).__name__, event.scene)
        for event in events
        if isinstance(event, e.SceneRendered)
        or (isinstance(event, e.StageFinished) and event.stage is Stage.DENOISE)
    ]
    for scene in (0, 1):
        assert names.index(("StageFinished", scene)) < names.index(("SceneRendered", scene))
    assert [event.at for event in events] == sorted(event.at for event in events)


async def test_scenes_of_an_earlier_attempt_are_used_again(bench: Bench) -> None:
    """A second attempt is given the scenes that the first one stored."""
    job_id = await bench.submitted()

    async def dies_after_one(inference: ToldInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        async for message in rendering(inference, job):
            if isinstance(message, StageStartedMessage) and message.scene == 1:
                break
            yield message
        async for message in failing("WORKER_CRASHED", retryable=True)(inference, job):
            yield message

    bench.inference.script = dies_after_one
    job = await bench.work(job_id)
    assert (job.status, [scene.artifact is not None for scene in job.scenes]) == (
        Status.QUEUED,
        [True, False],
    )
    bench.now = job.not_before or bench.now
    bench.inference.script = rendering
    assert (await bench.work(job_id)).status is Status.COMPLETED
    assert [file.index for file in bench.inference.orders[1].finished_scenes] == [0]


async def test_scenes_that_are_gone_are_rendered_again(bench: Bench) -> None:
    """A scene that the store no longer has is left out of what the second attempt is given."""
    job_id = await bench.submitted()
    bench.inference.script = failing("WORKER_CRASHED", retryable=True)
    await bench.taken_over(job_id)
    key = "sha256/00/" + "0" * 62 + ".mp4"
    named = JobArtifact(
        kind=ArtifactKind.SCENE, key=key, sha256="0" * 64, size_bytes=3, media_type="video/mp4"
    )
    await bench.give(
        job_id, RecordScene(id=new_id(), actor="worker-other", attempt=1, scene=0, artifact=named)
    )
    bench.inference.script = rendering
    assert (await bench.work(job_id)).status is Status.COMPLETED
    assert bench.inference.orders[0].finished_scenes == ()


async def test_a_wish_to_cancel_reaches_the_renderer(bench: Bench) -> None:
    """A job that is cancelled while it is rendered ends cancelled, and its ticket is removed."""
    bench.inference.script = endless
    job_id = await bench.submitted()
    working = asyncio.create_task(bench.work(job_id))
    await bench.until(job_id, lambda job: job.status is Status.PROCESSING)
    await bench.give(job_id, Cancel(id=new_id(), actor="ann"))
    assert (await working).status is Status.CANCELLED
    assert await bench.office.outstanding() == {}


async def test_a_deaf_renderer_is_ended(bench: Bench) -> None:
    """A renderer that does not stop when it is asked to is killed, and the job is cancelled all the same."""
    bench.inference.script = deaf
    job_id = await bench.submitted()
    working = asyncio.create_task(bench.work(job_id))
    await bench.until(job_id, lambda job: job.status is Status.PROCESSING)
    await bench.give(job_id, Cancel(id=new_id(), actor="ann"))
    assert (await working).status is Status.CANCELLED
    assert bench.inference.killed.is_set()


async def test_a_stalled_renderer_is_ended(bench: Bench) -> None:
    """A renderer that says nothing for too long is killed, and the attempt failed."""
    bench.with_timing(stall_timeout_seconds=0.05)
    bench.inference.script = deaf
    job_id = await bench.submitted()
    job = await bench.work(job_id)
    assert job.status is Status.QUEUED
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "STALLED"
    assert bench.inference.killed.is_set()


async def test_other_changes_do_not_disturb_an_attempt(bench: Bench) -> None:
    """A change of priority in the middle of an attempt is taken in, and the job is completed."""
    job_id = await bench.submitted()

    async def reprioritized(inference: ToldInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        async for message in rendering(inference, job):
            yield message
            if isinstance(message, StageStartedMessage) and message.scene == 1:
                await bench.give(job_id, Reprioritize(id=new_id(), actor="ann", priority=Priority.LOW))

    bench.inference.script = reprioritized
    job = await bench.work(job_id)
    assert (job.status, job.priority) == (Status.COMPLETED, Priority.LOW)


async def test_a_lost_lease_drops_the_work(bench: Bench) -> None:
    """When another worker takes the job over the work is dropped: nothing is appended, the ticket is left alone."""
    bench.inference.script = endless
    job_id = await bench.submitted()
    working = asyncio.create_task(bench.work(job_id))
    await bench.until(job_id, lambda job: job.status is Status.PROCESSING)
    await bench.taken_over(job_id)
    job = await working
    assert (job.status, job.worker) == (Status.PROCESSING, "worker-other")
    assert set(await bench.office.outstanding()) == {job_id}
    assert isinstance((await bench.events(job_id))[-1], e.AttemptStarted)


async def test_a_failure_that_may_pass_is_tried_again_later(bench: Bench) -> None:
    """After a retryable failure the job waits in the queue, longer with every attempt."""
    bench.inference.script = failing("OUT_OF_MEMORY", retryable=True)
    job_id = await bench.submitted()
    pauses = []
    for _ in range(2):
        job = await bench.work(job_id)
        assert job.not_before is not None
        pauses.append((job.not_before - job.updated_at).total_seconds())
        bench.now = job.not_before
    assert pauses == pytest.approx([5.0, 10.0], abs=0.1)
    assert (await bench.work(job_id)).status is Status.FAILED


async def test_a_failure_for_good(bench: Bench) -> None:
    """After a failure that cannot pass the job has failed, with the renderer's code and words."""
    bench.inference.script = failing("REQUEST_UNSUPPORTED", retryable=False)
    job = await bench.work(await bench.submitted())
    assert (job.status, job.error) == (
        Status.FAILED,
        JobError(code="REQUEST_UNSUPPORTED", message="it was told to", retryable=False),
    )


class FullStore(MemoryArtifacts):
    """A store that takes scenes, or nothing at all, but no finished files."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self.takes = takes

    async def commit(self, staged: StagedContent, suffix: str) -> StoredArtifact:
        """Put staged content at its address, as long as there is room."""
        self.takes -= 1
        if self.takes < 0:
            raise OSError("the disk at /secret/place is full")
        return await super().commit(staged, suffix)


async def test_files_that_cannot_be_stored_fail_the_attempt(bench: Bench) -> None:
    """When the finished files cannot be stored the attempt fails and may be tried again; paths stay private."""
    bench.artifacts = FullStore(takes=2)
    bench.__post_init__()
    job = await bench.work(await bench.submitted())
    assert job.status is Status.QUEUED
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "STORE_FAILED"
    assert "/secret" not in job.attempts[0].error.message


async def test_a_scene_that_cannot_be_stored_harms_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scene that cannot be stored is not recorded, and the job is completed without it."""
    stage = bench.artifacts.stage

    async def no_scenes(content: Path) -> StagedContent:
        if content.name.startswith("scene"):
            raise OSError("no room")
        return await stage(content)

    monkeypatch.setattr(bench.artifacts, "stage", no_scenes)
    job = await bench.work(await bench.submitted())
    assert job.status is Status.COMPLETED
    assert [scene.artifact for scene in job.scenes] == [None, None]


async def test_a_file_that_changes_on_its_way_is_not_stored(bench: Bench) -> None:
    """A finished file that is not what the renderer hashed fails the attempt."""

    async def meddled(inference: ToldInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        async for message in rendering(inference, job):
            (job.folder / "video.mp4").write_bytes(b"something else")
            yield message

    bench.inference.script = meddled
    job = await bench.work(await bench.submitted())
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "STORE_FAILED"


async def test_stopping_puts_a_running_job_back(bench: Bench) -> None:
    """A worker that is stopped fails its attempt so that another worker can start the job at once."""
    bench.inference.script = endless
    job_id = await bench.submitted()
    working = asyncio.create_task(bench.work(job_id))
    await bench.until(job_id, lambda job: job.status is Status.PROCESSING)
    bench.desk.stop()
    job = await working
    assert job.status is Status.QUEUED
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_STOPPED"
    assert job.not_before is not None
    assert job.not_before <= bench.now


async def test_prompts_stay_private(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever happens to a job, its prompt is neither in the log lines of the worker nor in those of the job."""
    caplog.set_level(logging.DEBUG)
    for script in (rendering, failing("RENDER_FAILED", retryable=False)):
        bench.inference.script = script
        job_id = await bench.submitted("A purple unicorn whispers.")
        await bench.work(job_id)
        for weather in await bench.progress.recent(job_id):
            assert not isinstance(weather, LogLine) or "unicorn" not in weather.message
    assert "unicorn" not in caplog.text


async def test_weather(bench: Bench) -> None:
    """Progress grows with the steps, and never says that all is done before it is."""
    job_id = await bench.submitted()
    await bench.work(job_id)
    percents = [w.percent for w in await bench.progress.recent(job_id) if isinstance(w, Progress)]
    assert percents == sorted(percents)
    assert 0 < percents[-1] < 100
