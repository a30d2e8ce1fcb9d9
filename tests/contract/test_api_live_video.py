"""ReadLiveVideo over a real connection: what is drawn, what follows, and the end of an attempt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from kinolog_api.inputs.live_video_sweep import READ_SECONDS, LiveVideoSweep
from kinolog_api.watch import read_live_video

from kinolog.ids import new_id
from kinolog.job.commands import Complete, FailAttempt
from kinolog.job.values import JobError, Stage
from kinolog.ports.event_store import LoadedJob
from kinolog.ports.progress import Progress
from kinolog.privacy.live_video_parts import LiveVideoSealer
from kinolog.privacy.sealer import Sealer
from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1 import ticket_service_pb2 as tickets
from tests.builders.running_api import (
    MEDIA,
    RpcProblem,
    RunningApi,
    collected,
    problem_of,
    refused,
    running_api,
)
from tests.fixtures.waits import WAIT_SECONDS

CRASH = JobError(code="WORKER_CRASHED", message="it exited", retryable=True)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


class Drawing:
    """A job whose attempt is drawn: `add` stores the next part of its live video."""

    def __init__(self, api: RunningApi, job_id: str) -> None:
        self.api = api
        self.job_id = job_id
        self.attempt = 1
        self.parts = 0

    async def add(self, content: bytes) -> None:
        """Store the next part; an empty one is the end."""
        sealer = Sealer(self.job_id, await self.api.key(self.job_id))
        sealed = LiveVideoSealer(sealer, self.attempt).seal(content, self.parts)
        folder = await self.api.folder(self.job_id)
        await self.api.artifacts.live_videos.put(folder, self.attempt, self.parts, sealed)
        self.parts += 1
        await self.api.progress.publish(
            Progress(
                job_id=self.job_id,
                attempt=self.attempt,
                at=self.api.clock(),
                worker="w1",
                stage=Stage.DECODE,
                scene=0,
                scenes=1,
                step=self.parts,
                steps=0,
                percent=50.0,
            )
        )

    async def fail(self) -> None:
        """End the attempt. The job is queued again."""
        failed = FailAttempt(
            id=new_id(), actor="w1", attempt=self.attempt, error=CRASH, retry_at=self.api.clock()
        )
        await self.api.work(self.job_id, failed)

    async def complete(self) -> None:
        """Complete the job in this attempt."""
        artifact = await self.api.stored(self.job_id, b"video bytes")
        command = Complete(
            id=new_id(),
            actor="w1",
            attempt=self.attempt,
            artifacts=(artifact,),
            media=MEDIA,
            gpu_seconds=1.5,
        )
        await self.api.work(self.job_id, command)

    def read(self, **fields: int) -> Any:
        """Call ReadLiveVideo."""
        return self.api.jobs.ReadLiveVideo(pb.ReadLiveVideoRequest(job_id=self.job_id, **fields))


@pytest.fixture
async def drawing(api: RunningApi) -> Drawing:
    """A job that is rendered, without a frame yet."""
    job_id = await api.submit()
    await api.start_attempt(job_id)
    return Drawing(api, job_id)


async def _data(call: Any, size: int) -> bytes:
    """Read so many bytes of a call, or up to its end."""
    data = b""
    async with asyncio.timeout(WAIT_SECONDS):
        while len(data) < size and (messages := await collected(call, 1)):
            data += messages[0].data
    return data


async def _end(call: Any) -> RpcProblem:
    """Read a call up to the error that ends it."""
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await _data(call, 1)
    return problem_of(ended.value)


async def _all(call: Any) -> tuple[pb.LiveVideo, bytes]:
    """Read a call to its end. Return what its first message describes, and the bytes."""
    messages = [message async for message in call]
    return messages[0].live_video, b"".join(message.data for message in messages)


async def test_what_is_drawn_and_what_follows(drawing: Drawing) -> None:
    """A reader gets what is there, and then each part as it comes, until the end."""
    await drawing.add(b"one")
    await drawing.add(b"two")
    call = drawing.read()
    described = (await call.read()).live_video
    assert (described.attempt, described.media_type, described.available_bytes, described.complete) == (
        1,
        "video/mp4",
        6,
        False,
    )
    assert await _data(call, 6) == b"onetwo"
    for content in (b"three", b"4" * 600_000):
        await drawing.add(content)
        assert await _data(call, len(content)) == content
    await drawing.add(b"")
    assert await _data(call, 1) == b""
    assert await call.code() is grpc.StatusCode.OK


async def test_a_reader_goes_on_where_it_was(drawing: Drawing) -> None:
    """From any byte, also from one that is drawn later, and after the job is completed."""
    for content in (b"one", b"two", b""):
        await drawing.add(content)
    await drawing.complete()
    for offset in range(7):
        described, data = await _all(drawing.read(offset=offset, attempt=1))
        assert (described.available_bytes, described.complete, data) == (6, True, b"onetwo"[offset:])
    problem = await refused(drawing.read(offset=7))
    assert (problem.code, problem.reason) == (grpc.StatusCode.OUT_OF_RANGE, "OFFSET_AHEAD")
    assert problem.metadata == {"size_bytes": "6"}


async def test_a_job_of_which_nothing_is_drawn(api: RunningApi, drawing: Drawing) -> None:
    """It is refused, or waited for. One that has ended has none."""
    problem = await refused(drawing.read())
    assert (problem.reason, problem.retry_seconds) == ("LIVE_VIDEO_NOT_BEGUN", 1.0)
    call = drawing.read(wait_seconds=30)
    await drawing.add(b"one")
    assert await _data(call, 3) == b"one"
    call.cancel()
    ended = await api.submit()
    await api.complete(ended)
    problem = await refused(api.jobs.ReadLiveVideo(pb.ReadLiveVideoRequest(job_id=ended, wait_seconds=30)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "NO_LIVE_VIDEO")


async def test_another_attempt_has_another_one(api: RunningApi, drawing: Drawing) -> None:
    """A reader of the one before is told so, at once and later. A job that is queued again has none yet."""
    await drawing.add(b"one")
    call = drawing.read()
    assert await _data(call, 3) == b"one"
    await drawing.fail()
    problem = await _end(call)
    assert (problem.code, problem.reason) == (grpc.StatusCode.ABORTED, "LIVE_VIDEO_CHANGED")
    assert (await refused(drawing.read())).reason == "LIVE_VIDEO_NOT_BEGUN"
    assert (await refused(drawing.read(attempt=1, offset=3))).reason == "LIVE_VIDEO_CHANGED"
    await api.start_attempt(drawing.job_id)
    drawing.attempt, drawing.parts = 2, 0
    await drawing.add(b"again")
    assert (await refused(drawing.read(attempt=1, offset=3))).reason == "LIVE_VIDEO_CHANGED"
    call = drawing.read()
    assert ((await call.read()).live_video.attempt, await _data(call, 5)) == (2, b"again")
    call.cancel()


async def test_a_job_that_is_erased_has_none(api: RunningApi, drawing: Drawing) -> None:
    """Readers are told. Nor has one whose live video ended before the job was completed."""
    await drawing.add(b"one")
    call = drawing.read()
    assert await _data(call, 3) == b"one"
    await drawing.complete()
    assert (await _end(call)).reason == "NO_LIVE_VIDEO"
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=drawing.job_id))
    assert (await refused(drawing.read())).reason == "JOB_ERASED"


async def test_a_reader_that_waits_long_gets_signs(drawing: Drawing, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have no bytes: the connection is alive."""
    monkeypatch.setattr(read_live_video, "SIGN_SECONDS", 0.0)
    await drawing.add(b"one")
    call = drawing.read()
    assert await _data(call, 3) == b"one"
    async with asyncio.timeout(WAIT_SECONDS):
        assert await call.read() == pb.ReadLiveVideoResponse()
    call.cancel()


async def test_a_ticket_for_files_reads_it(api: RunningApi, drawing: Drawing) -> None:
    """A browser plays it by a link."""
    for content in (b"one", b""):
        await drawing.add(content)
    request = tickets.CreateFileTicketRequest(job_id=drawing.job_id)
    ticket = (await api.tickets.CreateFileTicket(request)).ticket
    call = api.jobs.ReadLiveVideo(
        pb.ReadLiveVideoRequest(job_id=drawing.job_id), metadata=(("authorization", f"Bearer {ticket}"),)
    )
    assert (await _all(call))[1] == b"one"


async def test_those_that_have_ended_are_swept(
    api: RunningApi, drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a running attempt stays, however long it does not grow."""
    monkeypatch.setattr("kinolog_api.inputs.live_video_sweep.READ_SECONDS", 0.0)
    videos, folder = api.artifacts.live_videos, await api.folder(drawing.job_id)
    sweep = LiveVideoSweep(videos, api.store)
    assert READ_SECONDS > 0
    for content in (b"one", b"two"):
        await drawing.add(content)
    await drawing.fail()
    load = api.store.load

    async def load_before_the_next(job_id: str) -> LoadedJob | None:
        loaded = await load(job_id)
        await videos.put(folder, 2, 0, b"again")
        return loaded

    with monkeypatch.context() as patched:
        patched.setattr(api.store, "load", load_before_the_next)
        assert (await sweep.sweep(), await videos.attempts(folder)) == (2, [2])
    await api.start_attempt(drawing.job_id)
    assert await sweep.sweep() == 0
    drawing.attempt = 2
    await drawing.complete()
    assert (await sweep.sweep(), await videos.attempts(folder)) == (1, [])
