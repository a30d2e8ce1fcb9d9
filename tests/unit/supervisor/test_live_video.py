"""The live video of an attempt: stored in sealed parts while it grows, and gone with an attempt that fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.attempt.live_video import live_video_store
from kinolog_worker.inference.live_video.live_video_message import LiveVideoMessage
from kinolog_worker.inference.messages import Message, RenderJob, StageStartedMessage
from kinolog_worker.queue.ticket_handler import TicketHandler
from obstore.store import MemoryStore

from kinolog.adapters.obstore.live_videos import ObstoreLiveVideos
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.artifacts import ArtifactsUnavailable, job_folder
from kinolog.ports.progress import LogLine
from kinolog.privacy.live_video_parts import LiveVideoSealer
from kinolog.privacy.sealer import Sealer, UnsealFailed
from tests.builders.memory_worker import MemoryWorker
from tests.builders.scripted_inference import ScriptedInference, failing, rendering


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


async def _drawing(
    inference: ScriptedInference, job: RenderJob, *, is_complete: bool = True
) -> AsyncGenerator[Message, None]:
    """The messages of a run whose live video grows twice. More than a part is written at first."""
    assert job.live_video
    yield StageStartedMessage(job_id=job.job_id, stage="decode", scene=0)
    path = job.folder / "live.mp4"
    for content in (b"first" * 300_000, b"second"):
        with path.open("ab") as file:
            file.write(content)
        yield LiveVideoMessage(job_id=job.job_id, path=path, size_bytes=path.stat().st_size)
    if is_complete:
        size = path.stat().st_size
        yield LiveVideoMessage(job_id=job.job_id, path=path, size_bytes=size, is_complete=True)


CONTENT = b"first" * 300_000 + b"second"


async def _completed(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    async for message in _drawing(inference, job):
        yield message
    async for message in rendering(inference, job):
        yield message


async def _failed(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
    async for message in _drawing(inference, job, is_complete=False):
        yield message
    async for message in failing("WORKER_CRASHED", retryable=True)(inference, job):
        yield message


async def _parts(worker: MemoryWorker, job: Job, attempt: int) -> list[bytes]:
    """The sealed parts of an attempt."""
    videos, folder = worker.dependencies.live_videos, job_folder(job.tenant, job.id)
    count = len(await videos.sizes(folder, attempt))
    return [part for number in range(count) if (part := await videos.read(folder, attempt, number))]


async def test_it_is_stored_in_sealed_parts(memory_worker: MemoryWorker) -> None:
    """An empty part is its end. Each part unseals at its own place alone."""
    job_id = await memory_worker.submit()
    memory_worker.inference.script = _completed
    job = await memory_worker.work(job_id)
    assert job.status is Status.COMPLETED
    parts = await _parts(memory_worker, job, 1)
    assert not any(b"first" in part or b"second" in part for part in parts)
    sealer = Sealer(job_id, await memory_worker.keys.get(job.sealing_key_id))
    unsealed = [LiveVideoSealer(sealer, 1).unseal(part, number) for number, part in enumerate(parts)]
    assert (b"".join(unsealed), [len(part) for part in unsealed].index(0)) == (CONTENT, len(parts) - 1)
    for attempt, number in ((2, 0), (1, 1)):
        with pytest.raises(UnsealFailed):
            LiveVideoSealer(sealer, attempt).unseal(parts[0], number)


async def test_that_of_a_failed_attempt_is_deleted(memory_worker: MemoryWorker) -> None:
    """So is what a worker left that died: the next attempt deletes it."""
    job_id = await memory_worker.submit()
    memory_worker.inference.script = _failed
    job = await memory_worker.work(job_id)
    assert (job.status, await _parts(memory_worker, job, 1)) == (Status.QUEUED, [])
    await memory_worker.dependencies.live_videos.put(job_folder(job.tenant, job_id), 1, 0, b"left")
    memory_worker.now = job.not_before or memory_worker.now
    memory_worker.inference.script = _completed
    job = await memory_worker.work(job_id)
    assert await memory_worker.dependencies.live_videos.attempts(job_folder(job.tenant, job_id)) == [2]


class FullLiveVideos(ObstoreLiveVideos):
    """A store that has room for one part."""

    async def put(self, folder: str, attempt: int, number: int, sealed: bytes) -> None:
        if number:
            raise ArtifactsUnavailable("no space left")
        await super().put(folder, attempt, number, sealed)


async def test_a_store_that_deletes_slowly_holds_no_attempt(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is swept by the api."""
    monkeypatch.setattr(live_video_store, "DELETE_SECONDS", 0.0)
    memory_worker.inference.script = _failed
    job = await memory_worker.work(await memory_worker.submit())
    assert job.status is Status.QUEUED
    assert await _parts(memory_worker, job, 1)


async def test_trouble_of_the_store_is_none_of_the_job(memory_worker: MemoryWorker) -> None:
    """The job is completed. A line of its log says that the live video ends."""
    full = FullLiveVideos(MemoryStore())
    memory_worker.dependencies = replace(memory_worker.dependencies, live_videos=full)
    memory_worker.ticket_handler = TicketHandler(memory_worker.dependencies)
    job_id = await memory_worker.submit()
    memory_worker.inference.script = _completed
    job = await memory_worker.work(job_id)
    assert (job.status, len(await _parts(memory_worker, job, 1))) == (Status.COMPLETED, 1)
    lines = [line for line in await memory_worker.progress.recent(job_id) if isinstance(line, LogLine)]
    assert [line.message for line in lines if "live video" in line.message] == [
        "the live video ends here (ArtifactsUnavailable)"
    ]
