"""Films whose scenes go on from each other, on worker processes that are killed, and cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.commands import Cancel, Retry
from kinolog.job.values import Status
from kinolog_stack.servers.nats_server import NatsServer
from tests.builders.running_workers import MODEL, RunningWorkers, running_workers
from tests.fixtures.waits import until_true

SCENES = 3


@pytest.fixture
async def workers(own_nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[RunningWorkers]:
    """A log and worker processes of its own for each test. The renderer counts scenes."""
    async with running_workers(own_nats_server, tmp_path) as workers:
        workers.offer(count_file=str(tmp_path / "scenes"))
        yield workers


async def _submit(workers: RunningWorkers, max_attempts: int = 5) -> str:
    spec = {
        "model": MODEL,
        "model_class": MODEL,
        "width": 128,
        "frames": 30,
        "steps": 15,
        "guidance": 1.0,
        "chained": True,
    }
    shapes = enumerate(("a star", "a ring", "a square"))
    prompt = ". ".join(f"Scene {n + 1}: {shape} until {_gate(workers, n)}" for n, shape in shapes)
    return await workers.submit_sealed(new_id(), prompt, spec, max_attempts=max_attempts)


def _gate(workers: RunningWorkers, scene: int) -> Path:
    """Return the file for which a scene waits after its first step."""
    return workers.folder / f"goes-on-{scene}"


async def _begins(workers: RunningWorkers, job_id: str, scene: int, *, begun: int) -> None:
    """Wait until a scene is begun, as so many were in all attempts, and those before it are recorded."""
    await until_true(lambda: _counted(workers, "begun") == begun, f"scene {scene} is begun")
    await workers.until(job_id, lambda job: all(one.artifact for one in job.scenes[:scene]))


async def _rendered(workers: RunningWorkers, job_id: str) -> list[int]:
    return [event.scene for event in await workers.events(job_id) if isinstance(event, e.SceneRendered)]


def _counted(workers: RunningWorkers, what: str) -> int:
    """Return how many scenes were begun, or drawn to their end, by all workers."""
    counted = workers.folder / "scenes"
    return counted.read_text().splitlines().count(what) if counted.exists() else 0


async def test_a_film_whose_worker_is_killed_in_each_scene(workers: RunningWorkers) -> None:
    """After kill -9 in each of three scenes a fourth worker ends the film. The film is that of a quiet worker."""
    job_id = await _submit(workers)
    for scene in range(SCENES):
        worker = await workers.start_worker(ack_wait_seconds=1)
        await _begins(workers, job_id, scene, begun=2 * scene + 1)
        await worker.kill()
        _gate(workers, scene).touch()
    await workers.start_worker(ack_wait_seconds=1)
    job = await workers.ended(job_id)
    assert (job.status, job.attempt) == (Status.COMPLETED, SCENES + 1)
    assert await _rendered(workers, job_id) == [0, 1, 2]
    assert _counted(workers, "drawn") == SCENES
    quiet = await workers.ended(await _submit(workers))
    assert quiet.attempt == 1
    assert quiet.media == job.media


async def test_a_cancelled_film_goes_on_when_it_is_retried(workers: RunningWorkers) -> None:
    """The scenes before the cancel are used again."""
    await workers.start_worker(ack_wait_seconds=1)
    job_id = await _submit(workers)
    _gate(workers, 0).touch()
    await _begins(workers, job_id, 1, begun=2)
    await workers.send(job_id, Cancel(id=new_id(), actor="ann"))
    assert (await workers.ended(job_id)).status is Status.CANCELLED
    for scene in (1, 2):
        _gate(workers, scene).touch()
    await workers.send(job_id, Retry(id=new_id(), actor="ann"))
    job = await workers.ended(job_id)
    assert (job.status, job.attempt) == (Status.COMPLETED, 2)
    assert await _rendered(workers, job_id) == [0, 1, 2]
    assert _counted(workers, "drawn") == SCENES
