"""Jobs on worker processes: their history, their artifacts, and jobs whose workers die."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from kinolog_worker.attempt.attempt_outcome import DETAIL_HINT

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.commands import Cancel, Prefetch
from kinolog.job.state import Job
from kinolog.job.values import ArtifactKind, Stage, Status
from kinolog.ports.artifacts import ContentFacts
from kinolog.ports.progress import LogLine, PreviewImage, Progress
from kinolog.ports.workers import WorkerReport
from kinolog_stack.servers.nats_server import NatsServer
from tests.builders.running_workers import ACK_WAIT_SECONDS, RunningWorkers, running_workers
from tests.fixtures.programs import frozen
from tests.fixtures.waits import WAIT_SECONDS, until, until_true


@pytest.fixture
async def workers(own_nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[RunningWorkers]:
    """A log and worker processes of its own for each test."""
    async with running_workers(own_nats_server, tmp_path) as workers:
        yield workers


async def test_a_job_is_completed(workers: RunningWorkers) -> None:
    """A submitted job becomes a stored video whose facts are in the log, and its ticket is gone."""
    worker = await workers.start_worker()
    job_id = await workers.submit("A star. Then a ring.", frames=20)
    job = await workers.ended(job_id)
    assert (job.status, job.attempt, job.worker) == (Status.COMPLETED, 1, worker.name)
    assert job.media is not None
    assert (job.media.width, job.media.height, job.media.frames, job.media.fps) == (64, 48, 20, 8.0)
    assert (job.media.codec, job.media.pixel_format) == ("h264", "yuv420p")
    kinds = [artifact.kind for artifact in job.artifacts]
    assert kinds == [ArtifactKind.VIDEO, ArtifactKind.THUMBNAIL, ArtifactKind.PREVIEW]
    for artifact in (*job.artifacts, *(scene.artifact for scene in job.scenes)):
        assert artifact is not None
        assert await workers.artifacts.measure(artifact.key) == ContentFacts(
            artifact.sha256, artifact.size_bytes
        )
    assert job.attempts[0].runtime.model_revision == "testcard-1"
    assert job.attempts[0].runtime.libraries["kinolog"]

    async def no_ticket_is_left() -> bool:
        return not await workers.issuer.outstanding()

    await until(no_ticket_is_left, "the ticket is gone")


async def test_scenes_that_are_the_same_share_a_file(workers: RunningWorkers) -> None:
    """Two scenes of one prompt and one seed have the same bytes, which are stored once and used for both."""
    await workers.start_worker()
    job = await workers.ended(await workers.submit("Scene 1: a star. Scene 2: a star.", frames=20))
    assert (job.status, job.attempt) == (Status.COMPLETED, 1)
    assert job.media is not None
    assert job.media.frames == 20
    first, second = (scene.artifact for scene in job.scenes)
    assert first is not None
    assert first == second


async def test_the_history_of_a_job(workers: RunningWorkers) -> None:
    """Every stage of every scene starts and finishes once in the log, in order, and scenes are recorded."""
    await workers.start_worker()
    job_id = await workers.submit("A star. Then a ring.")
    await workers.ended(job_id)
    events = await workers.events(job_id)
    started = [(event.stage, event.scene) for event in events if isinstance(event, e.StageStarted)]
    finished = [(event.stage, event.scene) for event in events if isinstance(event, e.StageFinished)]
    of_scene = [Stage.ENCODE_PROMPT, Stage.DENOISE, Stage.DECODE]
    assert (
        started
        == finished
        == [
            (Stage.STORYBOARD, None),
            (Stage.PREFETCH, None),
            *((stage, scene) for scene in range(2) for stage in of_scene),
            (Stage.ASSEMBLE, None),
            (Stage.STORE, None),
        ]
    )
    kinds = Counter(type(event) for event in events)
    assert (kinds[e.SceneRendered], kinds[e.AttemptStarted], kinds[e.Completed]) == (2, 1, 1)
    assert [event.at for event in events] == sorted(event.at for event in events)


async def test_progress_of_a_job(workers: RunningWorkers) -> None:
    """Watchers of a job receive growing percentages, previews and log lines, none of which hold the prompt."""
    workers.offer(step_seconds=0.05)
    await workers.start_worker()
    job_id = await workers.submit("A purple unicorn whispers.", steps=20)
    await workers.ended(job_id)

    async def has_preview() -> bool:
        return any(isinstance(update, PreviewImage) for update in await workers.progress.recent(job_id))

    await until(has_preview, "a preview is published")
    updates = await workers.progress.recent(job_id)
    percents = [update.percent for update in updates if isinstance(update, Progress)]
    assert percents == sorted(percents)
    assert 0 < percents[-1] < 100
    lines = [update.message for update in updates if isinstance(update, LogLine)]
    assert "rendered scene 1" in " ".join(lines)
    assert "unicorn" not in " ".join(lines) + workers.processes[0].log


async def test_a_running_job_is_cancelled_between_steps(workers: RunningWorkers) -> None:
    """A cancellation stops the renderer long before its last step, and the worker takes the next job."""
    workers.offer(step_seconds=0.05)
    await workers.start_worker()
    job_id = await workers.submit(steps=2_000)
    await workers.until(job_id, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    await workers.send(job_id, Cancel(id=new_id(), actor="ann"))
    job = await workers.ended(job_id)
    assert (job.status, job.attempt) == (Status.CANCELLED, 1)
    assert (await workers.ended(await workers.submit(steps=1))).status is Status.COMPLETED


async def test_a_crash_of_the_renderer_costs_one_attempt(workers: RunningWorkers) -> None:
    """If the inference process exits, the attempt fails, and a second one in a new process succeeds."""
    workers.offer(die_at_step=3, once_file=str(workers.folder / "died"))
    worker = await workers.start_worker()
    job = await workers.ended(await workers.submit())
    assert (job.status, job.attempt) == (Status.COMPLETED, 2)
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_CRASHED"
    assert job.worker == worker.name


async def test_killing_the_renderer_costs_one_attempt(workers: RunningWorkers) -> None:
    """A renderer that is killed while denoising is replaced."""
    go_on = workers.folder / "go"
    worker = await workers.start_worker()
    job_id = await workers.submit(f"A star until {go_on}")
    await workers.until(job_id, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    for pid in worker.inference_pids():
        os.kill(pid, signal.SIGKILL)
    go_on.touch()
    job = await workers.ended(job_id)
    assert (job.status, job.attempt) == (Status.COMPLETED, 2)


async def test_a_failure_that_is_not_retryable_is_final(workers: RunningWorkers) -> None:
    """A failure that is not retryable ends the job with the renderer's own message."""
    workers.offer(fail_at_step=1)
    await workers.start_worker()
    job = await workers.ended(await workers.submit())
    assert (job.status, job.attempt) == (Status.FAILED, 1)
    assert job.error is not None
    assert job.error.code == "REQUEST_UNSUPPORTED"
    assert job.error.message == f"the test card has a fault{DETAIL_HINT}"


async def test_attempts_run_out(workers: RunningWorkers) -> None:
    """A job that fails in all its attempts ends failed, and each attempt is recorded."""
    workers.offer(raise_at_step=1)
    await workers.start_worker()
    job = await workers.ended(await workers.submit("A purple unicorn whispers.", max_attempts=2))
    assert (job.status, job.attempt) == (Status.FAILED, 2)
    assert [attempt.error is not None for attempt in job.attempts] == [True, True]
    assert job.error is not None
    assert "unicorn" not in job.error.message


async def test_two_workers_share_jobs(workers: RunningWorkers) -> None:
    """All of many jobs are completed in their first attempt, and both workers had some."""
    workers.offer(step_seconds=0.01)
    for _ in range(2):
        await workers.start_worker()
    jobs: list[Job] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while len({job.worker for job in jobs}) < 2:  # one of them may be slow to begin
            job_ids = [await workers.submit("A star.", frames=8, steps=4) for _ in range(12)]
            jobs += [await workers.ended(job_id) for job_id in job_ids]
    assert {(job.status, job.attempt) for job in jobs} == {(Status.COMPLETED, 1)}


async def test_a_killed_worker_s_job_is_completed_by_another(workers: RunningWorkers) -> None:
    """After kill -9 of a worker while denoising, another one completes the job in attempt 2, once."""
    go_on = workers.folder / "go"
    first = await workers.start_worker()
    job_id = await workers.submit(f"Scene 1: a star. Scene 2: a ring until {go_on}")
    await workers.until(job_id, lambda job: any(scene.artifact for scene in job.scenes))
    await first.kill()
    go_on.touch()
    second = await workers.start_worker()
    job = await workers.ended(job_id)
    assert (job.status, job.attempt, job.worker) == (Status.COMPLETED, 2, second.name)
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_LOST"
    kinds = Counter(type(event) for event in await workers.events(job_id))
    assert kinds[e.Completed] == 1
    rendered = [event.scene for event in await workers.events(job_id) if isinstance(event, e.SceneRendered)]
    assert rendered == [0, 1], "the first scene is rendered by the first worker and used again by the second"
    assert await workers.live_frames(job) == {2: job.spec.frames}, "and it is in the live video of the second"


async def test_a_stalled_worker_loses_its_job(workers: RunningWorkers) -> None:
    """A worker that was stopped while another took its job over appends nothing more, and takes jobs afterwards."""
    go_on = workers.folder / "go"
    first = await workers.start_worker()
    job_id = await workers.submit(f"A star until {go_on}")
    await workers.until(job_id, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    with frozen(first.process.pid):
        second = await workers.start_worker()
        await workers.until(job_id, lambda job: job.worker == second.name)
    go_on.touch()
    job = await workers.ended(job_id)
    assert (job.status, job.attempt, job.worker) == (Status.COMPLETED, 2, second.name)
    await second.stop()
    again = await workers.ended(await workers.submit("A star.", steps=1))
    assert (again.status, again.worker) == (Status.COMPLETED, first.name)
    assert "lease_lost" in first.log


async def test_a_stopped_worker_queues_its_job_again(workers: RunningWorkers) -> None:
    """A worker that is stopped during a long job leaves it to another one at once, and exits with status 0."""
    go_on = workers.folder / "go"
    first = await workers.start_worker(grace_seconds=0.1)
    job_id = await workers.submit(f"A star until {go_on}")
    await workers.until(job_id, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    assert await first.stop() == 0
    job = await workers.job(job_id)
    assert (job.status, job.attempts[0].error and job.attempts[0].error.code) == (
        Status.QUEUED,
        "WORKER_STOPPED",
    )
    go_on.touch()
    await workers.start_worker()
    assert (await workers.ended(job_id)).status is Status.COMPLETED


async def test_a_stopped_worker_finishes_what_is_nearly_done(workers: RunningWorkers) -> None:
    """A job that ends within the grace period is completed before the worker exits."""
    workers.offer(step_seconds=0.05)
    worker = await workers.start_worker(grace_seconds=30)
    job_id = await workers.submit("A star.", steps=20)
    await workers.until(job_id, lambda job: job.status is Status.PROCESSING)
    assert await worker.stop() == 0
    assert (await workers.job(job_id)).status is Status.COMPLETED


async def test_a_job_waits_for_a_missing_key(workers: RunningWorkers) -> None:
    """A job whose key is missing though it is not erased waits without an attempt, and completes with the key."""
    job_id = await workers.submit()
    key = await workers.keys.get(job_id)
    assert key is not None
    await workers.keys.discard([job_id])
    worker = await workers.start_worker()
    await until_true(lambda: "is missing although the job is not erased" in worker.log, "the worker waits")
    assert (await workers.job(job_id)).attempt == 0
    await workers.keys.create({job_id: key})
    job = await workers.ended(job_id)
    assert (job.status, job.attempt) == (Status.COMPLETED, 1)


async def test_an_unknown_model_ends_a_job_clearly(workers: RunningWorkers) -> None:
    """A job of a model that is no longer in the catalogue fails with a code of its own."""
    job_id = await workers.submit(model="gone")
    await workers.start_worker()
    job = await workers.ended(job_id)
    assert (job.status, job.error and job.error.code) == (Status.FAILED, "MODEL_UNKNOWN")


async def test_the_broker_may_go_away_while_a_job_runs(workers: RunningWorkers) -> None:
    """A job whose worker loses the NATS server for a while is completed in its first attempt."""
    workers.offer(step_seconds=0.05)
    await workers.start_worker(ack_wait_seconds=60)
    job_id = await workers.submit("A star. Then a ring.", steps=20)
    await workers.until(job_id, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    workers.server.kill()
    workers.server.start()
    job = await workers.ended(job_id)
    assert (job.status, job.attempt) == (Status.COMPLETED, 1)


async def test_a_long_outage_of_the_broker_takes_no_job_from_its_worker(workers: RunningWorkers) -> None:
    """After an outage longer than the ack wait the ticket comes to the idle worker, and the other one keeps its job."""
    go_on = workers.folder / "go"
    for _ in range(2):
        await workers.start_worker()
    job_id = await workers.submit(f"A star until {go_on}")
    running = await workers.until(job_id, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    workers.server.kill()
    await asyncio.sleep(ACK_WAIT_SECONDS + 1)  # the outage
    workers.server.start()
    idle = next(worker for worker in workers.processes if worker.name != running.worker)
    await until_true(lambda: "its worker is there" in idle.log, "the ticket came to the idle worker")
    go_on.touch()
    job = await workers.ended(job_id)
    assert (job.status, job.attempt, job.worker) == (Status.COMPLETED, 1, running.worker)


async def test_prefetch(workers: RunningWorkers) -> None:
    """A prefetch for a queued job is done and recorded while the job is queued."""
    go_on = workers.folder / "go"
    blocking = await workers.submit(f"A star until {go_on}")
    job_id = await workers.submit("A ring.", steps=1)
    await workers.send(job_id, Prefetch(id=new_id(), actor="ann"))
    worker = await workers.start_worker()

    async def prefetches() -> list[e.PrefetchFinished]:
        events = await workers.events(job_id)
        return [event for event in events if isinstance(event, e.PrefetchFinished)]

    finished = await until(prefetches, "the prefetch")
    assert (await workers.job(job_id)).status is Status.QUEUED
    go_on.touch()
    await workers.ended(blocking)
    await workers.ended(job_id)
    assert [event.worker for event in finished] == [worker.name]


async def test_a_worker_reports_itself(workers: RunningWorkers) -> None:
    """A worker is in the registry with its loaded model and its job, and leaves when it stops."""
    worker = await workers.start_worker()
    job_id = await workers.submit(f"A star until {workers.folder / 'never'}")

    async def reports_of_the_job() -> list[WorkerReport]:
        return [report for report in await workers.registry.present_workers() if report.job_id == job_id]

    (report,) = await until(reports_of_the_job, "the worker reports its job")
    assert (report.name, report.models, report.loaded_models) == (worker.name, ("testcard",), ("testcard",))
    assert report.memory_used_bytes > 0
    await workers.send(job_id, Cancel(id=new_id(), actor="ann"))
    await workers.ended(job_id)
    await worker.stop()
    assert list(await workers.registry.present_workers()) == []
    assert not list((workers.folder / "scratch").iterdir())


async def test_stored_files_have_the_hash_in_the_log(workers: RunningWorkers) -> None:
    """The video in the store has the hash and size that the log records."""
    await workers.start_worker()
    job = await workers.ended(await workers.submit("A star."))
    video = job.artifacts[0]
    content = b"".join([chunk async for chunk in workers.artifacts.read(video.key)])
    assert (sha256(content).hexdigest(), len(content)) == (video.sha256, video.size_bytes)
