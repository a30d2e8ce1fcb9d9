"""Jobs in the inference process whose renderer delivers a finished file: beside each other, and beside a drawn one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from kinolog_worker.inference.messages import (
    CancelledMessage,
    FailedMessage,
    FinishedMessage,
    LogLineMessage,
    Message,
    RenderJob,
    StepMessage,
)
from kinolog_worker.inference.process import InferenceProcess
from kinolog_worker.renderers.renderer import ModelSource

from tests.builders.render_jobs import card_job
from tests.builders.signed_video import small_video
from tests.builders.video_server import VideoServerStandIn, video_server_stand_in
from tests.fixtures.tasks import background_task


@pytest.fixture
def server(tmp_path: Path) -> Iterator[VideoServerStandIn]:
    """A server that makes no video before it is told to."""
    with video_server_stand_in(small_video(tmp_path / "film.mp4").read_bytes()) as server:
        server.held = True
        yield server


def _job(server: VideoServerStandIn, folder: Path, number: int, **options: object) -> RenderJob:
    """Return a job of two seconds. The film of the server is shorter."""
    folder.mkdir(exist_ok=True)
    model = ModelSource(
        "remote",
        server.url,
        renderer="openai-videos",
        options={"poll_seconds": 0.01, **options},
        files_at_once=2,
    )
    job = card_job(folder, f"prompt {number}", frames=16)
    return replace(job, job_id=f"job-{number}", model=model, folder=folder / f"attempt-{number}")


async def _all(process: InferenceProcess, job: RenderJob) -> list[Message]:
    return [message async for message in process.run(job)]


async def test_files_are_made_beside_each_other_and_beside_a_drawn_job(
    process: InferenceProcess, server: VideoServerStandIn, tmp_path: Path
) -> None:
    """Two jobs are at the server at once, and one is drawn meanwhile. Each file is stored as the server sent it."""
    async with (
        background_task(_all(process, _job(server, tmp_path, 1))) as first,
        background_task(_all(process, _job(server, tmp_path, 2))) as second,
    ):
        await asyncio.to_thread(server.wait_for, 2)
        drawn = await _all(process, card_job(tmp_path, "a secret of the drawn job"))
        assert isinstance(drawn[-1], FinishedMessage)
        server.held = False
        messages = await asyncio.gather(first, second)
    assert {fields["prompt"] for fields in server.fields} == {"prompt 1", "prompt 2"}
    for of_job in messages:
        finished = of_job[-1]
        assert isinstance(finished, FinishedMessage)
        assert {file.kind for file in finished.files} == {"video", "thumbnail", "preview"}
        assert finished.media.sha256 == sha256(server.film).hexdigest()
        assert next(file.path for file in finished.files if file.kind == "video").read_bytes() == server.film
        assert (finished.media.frames, finished.media.fps, finished.device_seconds) == (9, 8.0, 0.0)
        percents = [message.step for message in of_job if isinstance(message, StepMessage)]
        assert percents == sorted(percents)
        assert percents[-1] == 100
        lines = [message.text for message in of_job if isinstance(message, LogLineMessage)]
        assert lines == [
            f"delivered: {len(server.film)} bytes, SHA-256 {finished.media.sha256}",
            "the video has 64x48, 9 frames at 8 per second, not 64x48, 16 frames at 8 per second as requested",
        ]
    assert not [message for message in drawn if isinstance(message, LogLineMessage)]


async def test_jobs_that_end_without_a_video(
    process: InferenceProcess, server: VideoServerStandIn, tmp_path: Path
) -> None:
    """A cancellation reaches the server, what does not decode is not stored, and the process goes on."""
    messages: list[Message] = []
    async for message in process.run(_job(server, tmp_path, 1)):
        messages.append(message)
        if isinstance(message, StepMessage):
            process.cancel("job-1")
    assert isinstance(messages[-1], CancelledMessage)
    assert server.requests[-1] == "DELETE /v1/videos/video-1"
    server.held, server.film = False, b"no video"
    with_file, drawn = _job(server, tmp_path, 2), card_job(tmp_path, "A star.")
    codes = []
    for model in (
        with_file.model,
        replace(with_file.model, files_at_once=0),
        replace(drawn.model, files_at_once=1),
    ):
        failed = (await _all(process, replace(with_file, model=model)))[-1]
        assert isinstance(failed, FailedMessage)
        codes.append(failed.code)
    assert codes == ["VIDEO_UNUSABLE", "RENDERER_UNSUITABLE", "RENDERER_UNSUITABLE"]
