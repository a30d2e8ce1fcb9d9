"""A worker process whose model is behind a server of videos."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from kinolog.ids import new_id
from kinolog.job.commands import Cancel
from kinolog.job.values import ArtifactKind, Status
from kinolog.ports.progress import Progress
from kinolog_stack.servers.nats_server import NatsServer
from tests.builders.running_workers import RunningWorkers, running_workers
from tests.builders.signed_video import small_video
from tests.builders.video_server import VideoServerStandIn, video_server_stand_in
from tests.fixtures.waits import until

KEY = "sesame-of-the-server"
CATALOGUE = """[[models]]
name = "remote"
source = "{url}"
renderer = "openai-videos"
concurrency = 2
model_class = "remote"
[models.defaults]
frames = 80
[models.options]
poll_seconds = 0.02
api_key_file = "{key}"
fields = {{ frames = "num_frames" }}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[VideoServerStandIn]:
    """A server that makes no video before it is told to."""
    with video_server_stand_in(small_video(tmp_path / "film.mp4").read_bytes()) as server:
        server.held = True
        yield server


async def _submit(workers: RunningWorkers, prompt: str) -> str:
    spec = {"model": "remote", "model_class": "remote", "frames": 16, "steps": 5, "guidance": 1.0}
    return await workers.submit_sealed(new_id(), prompt, spec)


async def test_jobs_at_a_server_become_its_files(
    own_nats_server: NatsServer, server: VideoServerStandIn, tmp_path: Path
) -> None:
    """Two jobs are there at once. A cancelled one is deleted there, and the third takes its place."""
    (tmp_path / "key").write_text(KEY)
    async with running_workers(own_nats_server, tmp_path) as workers:
        catalogue = CATALOGUE.format(url=server.url, key=tmp_path / "key")
        await asyncio.to_thread((tmp_path / "models.toml").write_text, catalogue)
        worker = await workers.start_worker(models="remote")
        jobs = [await _submit(workers, f"prompt {number}") for number in range(3)]
        await asyncio.to_thread(server.wait_for, 2)
        cancelled = next(
            job for number, job in enumerate(jobs) if f"prompt {number}" == server.fields[0]["prompt"]
        )
        await workers.handler.handle(cancelled, Cancel(id=new_id(), actor="ann"))
        assert (await workers.ended(cancelled)).status is Status.CANCELLED

        async def is_third_there() -> bool:
            return len(server.fields) == 3

        await until(is_third_there, "the third job is at the server")
        assert "DELETE /v1/videos/video-1" in server.requests
        server.held = False
        for job_id in set(jobs) - {cancelled}:
            job = await workers.ended(job_id)
            assert (job.status, job.attempt) == (Status.COMPLETED, 1)
            video = next(one for one in job.artifacts if one.kind is ArtifactKind.VIDEO)
            stored = b"".join([piece async for piece in workers.artifacts.read(video.key)])
            assert stored == server.film
            assert video.sha256 == sha256(server.film).hexdigest()
            assert job.media is not None
            assert (job.media.width, job.media.frames, job.media.fps) == (64, 9, 8.0)
            updates = await workers.progress.recent(job_id)
            assert 90 < max(each.percent for each in updates if isinstance(each, Progress)) < 100
            runtime = job.attempts[0].runtime
            assert (runtime.device, runtime.model_revision) == ("elsewhere", "remote")
            assert KEY not in f"{job} {await workers.events(job_id)}"
        assert set(server.keys) == {f"Bearer {KEY}"}
        assert not server.videos
        assert KEY not in worker.log
        assert server.fields[0]["num_frames"] == "16"
