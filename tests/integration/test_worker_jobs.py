"""Jobs on worker processes: what the log says, what is stored, and what becomes of jobs whose workers die."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.commands import Cancel, Prefetch
from kinolog.job.values import ArtifactKind, Stage, Status
from kinolog.ports.artifacts import ContentFacts, content_facts
from kinolog.ports.progress import LogLine, PreviewImage, Progress
from kinolog_stack.servers.nats_server import NatsServer
from tests.fixtures.workshop import Workshop, workshop


@pytest.fixture
async def shop(own_nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Workshop]:
    """A workshop of its own for each test."""
    async with workshop(own_nats_server, tmp_path) as made:
        yield made


async def test_a_job_is_completed(shop: Workshop) -> None:
    """A submitted job becomes a stored video whose facts are in the log, and its ticket is gone."""
    worker = await shop.start_worker()
    job_id = await shop.submit("A star. A ring.", frames=20)
    job = await shop.ended(job_id)
    assert (job.status, job.attempt, job.worker) == (Status.COMPLETED, 1, worker.name)
    assert job.media is not None
    assert (job.media.width, job.media.height, job.media.frames, job.media.fps) == (64, 48, 20, 8.0)
    assert (job.media.codec, job.media.pixel_format) == ("h264", "yuv420p")
    kinds = [artifact.kind for artifact in job.artifacts]
    assert kinds == [ArtifactKind.VIDEO, ArtifactKind.THUMBNAIL, ArtifactKind.PREVIEW]
    for artifact in (*job.artifacts, *(scene.artifact for scene in job.scenes)):
        assert artifact is not None
        assert await content_facts(shop.artifacts, artifact.key) == ContentFacts(
            artifact.sha256, artifact.size_bytes
        )
    assert job.attempts[0].runtime.model_revision == "testcard-1"
    assert job.attempts[0].runtime.libraries["kinolog"]
    async with asyncio.timeout(30):
        while await shop.office.outstanding():  # noqa: ASYNC110 - a server is asked
            await asyncio.sleep(0.02)


async def test_the_history_of_a_job(shop: Workshop) -> None:
    """Every stage of every scene begins and ends once in the log, in order, and scenes are recorded."""
    await shop.start_worker()
    job_id = await shop.submit("A star. A ring.")
    await shop.ended(job_id)
    events = await shop.events(job_id)
    began = [(event.stage, event.scene) for event in events if isinstance(event, e.StageStarted)]
    ended = [(event.stage, event.scene) for event in events if isinstance(event, e.StageFinished)]
    of_scene = [Stage.ENCODE_PROMPT, Stage.DENOISE, Stage.DECODE]
    assert (
        began
        == ended
        == [
            (Stage.STORYBOARD, None),
            (Stage.PREFETCH, None),
            *((stage, scene) for scene in range(2) for stage in of_scene),
            (Stage.ASSEMBLE, None),
            (Stage.SIGN, None),
            (Stage.STORE, None),
        ]
    )
    kinds = Counter(type(event) for event in events)
    assert (kinds[e.SceneRendered], kinds[e.AttemptStarted], kinds[e.Completed]) == (2, 1, 1)
    assert [event.at for event in events] == sorted(event.at for event in events)


async def test_weather_of_a_job(shop: Workshop) -> None:
    """Those who watch a job see growing percentages, previews and log lines, none of which hold the prompt."""
    shop.offer(step_seconds=0.05)
    await shop.start_worker()
    job_id = await shop.submit("A purple unicorn whispers.", steps=20)
    await shop.ended(job_id)
    async with asyncio.timeout(30):
        while not any(isinstance(w, PreviewImage) for w in await shop.progress.recent(job_id)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    weather = await shop.progress.recent(job_id)
    percents = [part.percent for part in weather if isinstance(part, Progress)]
    assert percents == sorted(percents)
    assert 0 < percents[-1] < 100
    lines = [part.message for part in weather if isinstance(part, LogLine)]
    assert "rendered scene 1" in " ".join(lines)
    assert "unicorn" not in " ".join(lines) + shop.workers[0].log


async def test_a_running_job_is_cancelled_between_steps(shop: Workshop) -> None:
    """A wish to cancel stops the renderer long before its last step, and the worker goes on with the next job."""
    shop.offer(step_seconds=0.05)
    await shop.start_worker()
    job_id = await shop.submit(steps=2_000)
    await shop.until(job_id, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    await shop.give(job_id, Cancel(id=new_id(), actor="ann"))
    job = await shop.ended(job_id)
    assert (job.status, job.attempt) == (Status.CANCELLED, 1)
    assert (await shop.ended(await shop.submit(steps=1))).status is Status.COMPLETED


async def test_a_crash_of_the_renderer_costs_one_attempt(shop: Workshop) -> None:
    """When the inference process dies the attempt fails, and a second one in a new process succeeds."""
    shop.offer(die_at_step=3, once_file=str(shop.folder / "died"))
    worker = await shop.start_worker()
    job = await shop.ended(await shop.submit())
    assert (job.status, job.attempt) == (Status.COMPLETED, 2)
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_CRASHED"
    assert job.worker == worker.name


async def test_killing_the_renderer_costs_one_attempt(shop: Workshop) -> None:
    """A renderer that is killed from outside in the middle of denoising is replaced."""
    shop.offer(step_seconds=0.05)
    worker = await shop.start_worker()
    job_id = await shop.submit(steps=40)
    await shop.until(job_id, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    for pid in worker.inference_pids():
        os.kill(pid, signal.SIGKILL)
    job = await shop.ended(job_id)
    assert (job.status, job.attempt) == (Status.COMPLETED, 2)


async def test_a_clear_refusal_is_final(shop: Workshop) -> None:
    """A failure that no other attempt can cure ends the job with the renderer's own words."""
    shop.offer(fail_at_step=1)
    await shop.start_worker()
    job = await shop.ended(await shop.submit())
    assert (job.status, job.attempt) == (Status.FAILED, 1)
    assert job.error is not None
    assert (job.error.code, job.error.message) == ("REQUEST_UNSUPPORTED", "the test card was told to fail")


async def test_attempts_run_out(shop: Workshop) -> None:
    """A job that fails in every attempt it may take ends failed, each attempt on record."""
    shop.offer(raise_at_step=1)
    await shop.start_worker()
    job = await shop.ended(await shop.submit("A purple unicorn whispers.", max_attempts=2))
    assert (job.status, job.attempt) == (Status.FAILED, 2)
    assert [attempt.error is not None for attempt in job.attempts] == [True, True]
    assert job.error is not None
    assert "unicorn" not in job.error.message


async def test_two_workers_share_jobs(shop: Workshop) -> None:
    """Of many jobs every one is completed in its first attempt, and both workers had some."""
    shop.offer(step_seconds=0.01)
    for _ in range(2):
        await shop.start_worker()
    job_ids = [await shop.submit("A star.", frames=8, steps=4) for _ in range(12)]
    jobs = [await shop.ended(job_id) for job_id in job_ids]
    assert {(job.status, job.attempt) for job in jobs} == {(Status.COMPLETED, 1)}
    assert len({job.worker for job in jobs}) == 2


async def test_a_killed_worker_s_job_is_completed_by_another(shop: Workshop) -> None:
    """After kill -9 of a worker in the middle of denoising another one completes the job in attempt 2, once."""
    shop.offer(step_seconds=0.05)
    first = await shop.start_worker()
    job_id = await shop.submit("A star. A ring.", steps=30)
    await shop.until(job_id, lambda job: any(scene.artifact for scene in job.scenes))
    await first.kill()
    second = await shop.start_worker()
    job = await shop.ended(job_id)
    assert (job.status, job.attempt, job.worker) == (Status.COMPLETED, 2, second.name)
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_LOST"
    kinds = Counter(type(event) for event in await shop.events(job_id))
    assert kinds[e.Completed] == 1
    rendered = [event.scene for event in await shop.events(job_id) if isinstance(event, e.SceneRendered)]
    assert rendered == [0, 1], "the first scene is rendered by the first worker and used again by the second"


async def test_a_stalled_worker_loses_its_job(shop: Workshop) -> None:
    """A worker that was frozen while another took its job over appends nothing more, and works on afterwards."""
    shop.offer(step_seconds=0.05)
    first = await shop.start_worker()
    job_id = await shop.submit("A star.", steps=40)
    await shop.until(job_id, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    os.killpg(first.process.pid, signal.SIGSTOP)
    second = await shop.start_worker()
    await shop.until(job_id, lambda job: job.worker == second.name)
    os.killpg(first.process.pid, signal.SIGCONT)
    job = await shop.ended(job_id)
    assert (job.status, job.attempt, job.worker) == (Status.COMPLETED, 2, second.name)
    await second.stop()
    again = await shop.ended(await shop.submit("A star.", steps=1))
    assert (again.status, again.worker) == (Status.COMPLETED, first.name)
    assert "lease_lost" in first.log


async def test_a_stopped_worker_hands_its_job_back(shop: Workshop) -> None:
    """A worker that is told to stop in the middle of a long job leaves it to another one at once, and exits well."""
    shop.offer(step_seconds=0.05)
    first = await shop.start_worker(grace_seconds=0.1)
    job_id = await shop.submit("A star.", steps=60)
    await shop.until(job_id, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    assert await first.stop() == 0
    job = (await shop.loaded(job_id)).job
    assert (job.status, job.attempts[0].error and job.attempts[0].error.code) == (
        Status.QUEUED,
        "WORKER_STOPPED",
    )
    await shop.start_worker()
    assert (await shop.ended(job_id)).status is Status.COMPLETED


async def test_a_stopped_worker_finishes_what_is_nearly_done(shop: Workshop) -> None:
    """A job that ends within the time of grace is completed before the worker exits."""
    shop.offer(step_seconds=0.05)
    worker = await shop.start_worker(grace_seconds=30)
    job_id = await shop.submit("A star.", steps=20)
    await shop.until(job_id, lambda job: job.status is Status.PROCESSING)
    assert await worker.stop() == 0
    assert (await shop.loaded(job_id)).job.status is Status.COMPLETED


async def test_an_erased_key_ends_a_job_clearly(shop: Workshop) -> None:
    """A job whose key is gone fails for good with a word for it."""
    job_id = await shop.submit()
    await shop.keys.erase(job_id)
    await shop.start_worker()
    job = await shop.ended(job_id)
    assert (job.status, job.error and job.error.code) == (Status.FAILED, "PROMPT_ERASED")


async def test_an_unknown_model_ends_a_job_clearly(shop: Workshop) -> None:
    """A job for a model that was taken out of the catalogue fails for good with a word for it."""
    job_id = await shop.submit(model="gone")
    await shop.start_worker()
    job = await shop.ended(job_id)
    assert (job.status, job.error and job.error.code) == (Status.FAILED, "MODEL_UNKNOWN")


async def test_the_broker_may_go_away_while_a_job_runs(shop: Workshop) -> None:
    """A job whose worker loses the broker for a while is completed in its first attempt."""
    shop.offer(step_seconds=0.05)
    await shop.start_worker(lease_seconds=60)
    job_id = await shop.submit("A star. A ring.", steps=20)
    await shop.until(job_id, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    shop.server.kill()
    shop.server.start()
    job = await shop.ended(job_id)
    assert (job.status, job.attempt) == (Status.COMPLETED, 1)


async def test_warming_up(shop: Workshop) -> None:
    """A wish to warm up for a waiting job is fulfilled and recorded while the job waits."""
    shop.offer(step_seconds=0.02)
    blocking = await shop.submit("A star.", steps=30)
    job_id = await shop.submit("A ring.", steps=1)
    await shop.give(job_id, Prefetch(id=new_id(), actor="ann"))
    worker = await shop.start_worker()
    await shop.ended(blocking)
    await shop.ended(job_id)
    events = await shop.events(job_id)
    warmed = [event for event in events if isinstance(event, e.PrefetchFinished)]
    assert [event.worker for event in warmed] == [worker.name]


async def test_a_worker_reports_itself(shop: Workshop) -> None:
    """A worker is in the registry with its model loaded and the job that it works on, and leaves when it stops."""
    shop.offer(step_seconds=0.05)
    worker = await shop.start_worker()
    job_id = await shop.submit("A star.", steps=60)
    async with asyncio.timeout(30):
        while not [r for r in await shop.registry.present_workers() if r.job_id == job_id]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    (report,) = await shop.registry.present_workers()
    assert (report.name, report.models, report.loaded_models) == (worker.name, ("testcard",), ("testcard",))
    assert report.memory_used_bytes > 0
    await shop.give(job_id, Cancel(id=new_id(), actor="ann"))
    await shop.ended(job_id)
    await worker.stop()
    assert list(await shop.registry.present_workers()) == []
    assert not list((shop.folder / "scratch").iterdir())


async def test_stored_files_have_the_hash_that_the_log_says(shop: Workshop) -> None:
    """The video in the store is the one that the log names."""
    await shop.start_worker()
    job = await shop.ended(await shop.submit("A star."))
    video = job.artifacts[0]
    content = b"".join([chunk async for chunk in shop.artifacts.read(video.key)])
    assert (sha256(content).hexdigest(), len(content)) == (video.sha256, video.size_bytes)
