"""ExportVideo over a real connection, with the real process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import grpc
import pytest
from kinolog_api.exports import export_video
from PIL import Image

from kinolog.v1 import job_service_pb2 as pb
from kinolog_export.exporter_process import ExportNotInstalled
from tests.builders.running_api import RunningApi, refused, running_api
from tests.builders.signed_video import FRAMES, HEIGHT, WIDTH, small_video
from tests.fixtures.waits import until


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


def gif(job_id: str) -> pb.ExportVideoRequest:
    """Return a request for a GIF."""
    return pb.ExportVideoRequest(job_id=job_id, format=pb.EXPORT_FORMAT_GIF)


async def first_type(call: Any) -> str:
    """Return the media type in the first message of a call."""
    message = await call.read()
    return str(message.media_type)


async def test_a_video_becomes_an_animation(api: RunningApi, tmp_path: Path) -> None:
    """The first message has the media type, and all together have the bytes."""
    job_id = await api.submit()
    await api.complete(job_id, small_video(tmp_path / "video.mp4").read_bytes())
    messages = [message async for message in api.jobs.ExportVideo(gif(job_id))]
    assert [message.media_type for message in messages] == ["image/gif", *[""] * (len(messages) - 1)]
    with Image.open(BytesIO(b"".join(message.data for message in messages))) as image:
        assert (image.size, getattr(image, "n_frames", 1)) == ((WIDTH, HEIGHT), FRAMES)


async def test_a_job_without_a_video_is_refused(api: RunningApi) -> None:
    """A job that is not completed, or whose files are erased, has no export."""
    job_id = await api.submit()
    assert (await refused(api.jobs.ExportVideo(gif(job_id)))).reason == "JOB_NOT_COMPLETED"
    await api.complete(job_id)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    assert (await refused(api.jobs.ExportVideo(gif(job_id)))).reason == "JOB_ERASED"


def test_every_format_is_made() -> None:
    """The contract names no format that the api does not know."""
    assert set(export_video._FORMATS) == set(pb.ExportFormat.values()) - {pb.EXPORT_FORMAT_UNSPECIFIED}


async def test_a_video_that_is_lost_or_broken(api: RunningApi) -> None:
    """A file that is not stored is named, and one that cannot be decoded fails the export."""
    broken, lost = await api.submit(), await api.submit()
    await api.complete(broken, b"no video")
    assert (await refused(api.jobs.ExportVideo(gif(broken)))).reason == "EXPORT_FAILED"
    artifact = await api.complete(lost)
    await api.artifacts.delete(artifact.key)
    assert (await refused(api.jobs.ExportVideo(gif(lost)))).reason == "ARTIFACT_MISSING"


async def test_an_api_without_the_libraries(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    job_id = await api.submit()
    await api.complete(job_id)

    def missing() -> None:
        raise ExportNotInstalled("install kinolog[export]")

    monkeypatch.setattr(export_video, "check_installed", missing)
    problem = await refused(api.jobs.ExportVideo(gif(job_id)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNIMPLEMENTED, "EXPORT_NOT_INSTALLED")


async def endless(*_: Any) -> AsyncGenerator[bytes, None]:
    """Yield an export that never ends."""
    while True:
        yield b"x"
        await asyncio.sleep(0.01)


async def is_admitted(api: RunningApi, job_id: str) -> bool:
    """Return whether there is room for an export."""
    call = api.jobs.ExportVideo(gif(job_id))
    try:
        return bool(await first_type(call))
    except grpc.aio.AioRpcError:
        return False
    finally:
        call.cancel()


@pytest.mark.parametrize("name", ["WAITING_AT_MOST", "WAIT_SECONDS"])
async def test_two_exports_are_made_at_a_time(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """More than may wait are refused, and those that wait too long. A caller that leaves makes room."""
    job_id = await api.submit()
    await api.complete(job_id)
    monkeypatch.setattr(export_video, "exported", endless)
    monkeypatch.setattr(export_video, name, 0)
    running = [api.jobs.ExportVideo(gif(job_id)) for _ in range(2)]
    for call in running:
        assert await first_type(call) == "image/gif"
    problem = await refused(api.jobs.ExportVideo(gif(job_id)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "EXPORTS_BUSY")
    running[0].cancel()
    await until(lambda: is_admitted(api, job_id), "there is room again")
    running[1].cancel()


async def test_a_caller_that_does_not_read_keeps_no_room(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the longest time of an export there is room for another one, whatever its caller does."""
    job_id = await api.submit()
    await api.complete(job_id)
    monkeypatch.setattr(export_video, "exported", endless)
    monkeypatch.setattr(export_video, "WAITING_AT_MOST", 0)
    monkeypatch.setattr(export_video, "LONGEST_SECONDS", 0.05)
    running = [api.jobs.ExportVideo(gif(job_id)) for _ in range(2)]
    for call in running:
        assert await first_type(call) == "image/gif"
    await until(lambda: is_admitted(api, job_id), "there is room again")
    for call in running:
        call.cancel()


async def test_a_waiting_export_is_made_when_there_is_room(api: RunningApi, tmp_path: Path) -> None:
    """Exports that are requested at the same time are all made, though two run at once."""
    job_id = await api.submit()
    await api.complete(job_id, small_video(tmp_path / "video.mp4").read_bytes())

    async def size() -> int:
        return sum([len(message.data) async for message in api.jobs.ExportVideo(gif(job_id))])

    sizes = await asyncio.gather(*(size() for _ in range(4)))
    assert len(set(sizes)) == 1
    assert sizes[0] > 0
