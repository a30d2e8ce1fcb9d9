"""Two attempts of one worker overlap: one job waits for the store while the next one is drawn. Then something dies.

A critical job stops the one that is drawn.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kinolog.job import events as e
from kinolog.job.values import Priority, Stage, Status
from kinolog_stack.servers.nats_server import NatsServer
from tests.builders.running_workers import RunningWorkers, WorkerProcess, running_workers


@pytest.fixture
async def workers(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[RunningWorkers]:
    """An empty log whose jobs take a second or two."""
    async with running_workers(nats_server, tmp_path) as workers:
        workers.offer(step_seconds=0.05)
        yield workers


@contextmanager
def store_away(workers: RunningWorkers) -> Iterator[None]:
    """Replace the folder of the artifacts by a file meanwhile: nothing can be stored."""
    folder = workers.folder / "artifacts"
    away = folder.with_name("away")
    folder.mkdir(exist_ok=True)
    folder.rename(away)
    folder.write_text("no folder")
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)


async def overlapping(workers: RunningWorkers, go_on: Path) -> tuple[str, str]:
    """Return a job that waits for the store, and the next one, which is being drawn until there is a file."""
    first = await workers.submit("A star.", steps=1)
    await workers.until(first, lambda job: Stage.STORE in [stage.stage for stage in job.stages])
    second = await workers.submit(f"A ring until {go_on}")
    await workers.until(second, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    return first, second


async def attempts_and_ends(workers: RunningWorkers, job_id: str) -> tuple[Status, int, int]:
    """Return how a job ended, in which attempt, and how many commits say that it is completed."""
    job = await workers.ended(job_id)
    kinds = Counter(type(event) for event in await workers.events(job_id))
    return job.status, job.attempt, kinds[e.Completed]


async def test_both_jobs_of_a_killed_worker_are_completed_by_the_next_one(workers: RunningWorkers) -> None:
    """It finds a note about each ticket. Neither job is lost, and neither ends twice."""
    go_on = workers.folder / "go"
    killed = await workers.start_worker(ack_wait_seconds=3600)
    with store_away(workers):
        jobs = await overlapping(workers, go_on)
        await killed.kill()
    go_on.touch()
    await workers.start_worker(ack_wait_seconds=3600)
    for job_id in jobs:
        assert await attempts_and_ends(workers, job_id) == (Status.COMPLETED, 2, 1)


async def test_a_killed_renderer_costs_the_drawn_job_an_attempt(workers: RunningWorkers) -> None:
    """The files of the other job are finished already: it completes in its first attempt."""
    go_on = workers.folder / "go"
    worker: WorkerProcess = await workers.start_worker()
    with store_away(workers):
        first, second = await overlapping(workers, go_on)
        for pid in worker.inference_pids():
            os.kill(pid, signal.SIGKILL)
        await workers.until(second, lambda job: job.status is Status.QUEUED or job.attempt == 2)
    go_on.touch()
    assert await attempts_and_ends(workers, first) == (Status.COMPLETED, 1, 1)
    assert await attempts_and_ends(workers, second) == (Status.COMPLETED, 2, 1)


async def test_a_critical_job_takes_the_device_of_another(workers: RunningWorkers) -> None:
    """The low job is the next one of its lane: it goes on before one that was queued meanwhile."""
    go_on = workers.folder / "go"
    await workers.start_worker()
    low = await workers.submit(f"A ring until {go_on}", steps=100, priority=Priority.LOW)
    await workers.until(low, lambda job: Stage.DENOISE in [stage.stage for stage in job.stages])
    later = await workers.submit("A star.", steps=1, priority=Priority.LOW)
    critical = await workers.submit("A star.", steps=1, priority=Priority.CRITICAL)
    await workers.until(low, lambda job: job.preemptions == 1)
    go_on.touch()
    ends = {job_id: await workers.ended(job_id) for job_id in (critical, low, later)}
    assert {job.status for job in ends.values()} == {Status.COMPLETED}
    starts = {job_id: job.attempts[-1].started_at for job_id, job in ends.items()}
    assert sorted(starts, key=starts.__getitem__) == [critical, low, later]
    assert [ends[job_id].attempt for job_id in (critical, low, later)] == [1, 2, 1]
