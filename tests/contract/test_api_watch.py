"""WatchJob and WatchJobs over a real connection: no commit is missed or repeated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from kinolog_api.rpc.authentication import TENANT_KEY
from kinolog_api.watch import watcher

from kinolog.connections import conflation
from kinolog.job import commands as c
from kinolog.job.values import Stage
from kinolog.ports.progress import LogLevel, LogLine, PreviewImage, Progress
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi, collected, refused, running_api
from tests.fixtures.waits import until


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def rest_of(stream: Any) -> list[Any]:
    """Return all messages up to the end of a stream."""
    return list(await collected(stream, 1_000_000))


async def attached(api: RunningApi, watchers: int = 1) -> None:
    """Wait until this many streams are attached."""

    async def all_attached() -> bool:
        return len(api.server._job_service.broadcast._subscriptions) == watchers

    await until(all_attached)


def progress(api: RunningApi, job_id: str, percent: float = 40.0) -> Progress:
    """Return a progress update of the first attempt."""
    return Progress(
        job_id=job_id,
        attempt=1,
        at=api.clock(),
        worker="w1",
        stage=Stage.DENOISE,
        scene=0,
        scenes=1,
        step=4,
        steps=10,
        percent=percent,
        eta_seconds=12.5,
    )


async def test_a_job_is_watched_until_it_ends(api: RunningApi) -> None:
    """The stream starts with the current job, sends each commit, and ends after the terminal one."""
    job_id = await api.submit()
    stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id))
    (first,) = await collected(stream, 1)
    assert first.job.status == job_pb2.STATUS_QUEUED
    await api.complete(job_id)
    rest = await rest_of(stream)
    assert [message.position for message in rest] == [2, 3]
    assert [list(message.events) for message in rest] == [["attempt_started"], ["completed"]]
    assert rest[-1].job.status == job_pb2.STATUS_COMPLETED


async def test_a_job_that_has_ended(api: RunningApi) -> None:
    """The stream of an ended job sends the job and ends; resumed after its last position it ends without a message."""
    job_id = await api.submit()
    await api.complete(job_id)
    messages = await rest_of(api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id)))
    assert [message.job.status for message in messages] == [job_pb2.STATUS_COMPLETED]
    assert await rest_of(api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, after=3))) == []


async def test_resuming_a_watched_job(api: RunningApi) -> None:
    """Resumed after any position, the stream sends exactly the later commits."""
    job_id = await api.submit()
    await api.submit()
    await api.complete(job_id)
    for after, expected in ((0, [1, 3, 4]), (1, [3, 4]), (2, [3, 4]), (3, [4])):
        messages = await rest_of(api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, after=after)))
        assert [message.position for message in messages] == expected


async def test_a_retried_job_is_watched_further(api: RunningApi) -> None:
    """Catching up continues after a terminal commit that was retried, and then live."""
    job_id = await api.submit()
    await api.fail(job_id)
    await api.jobs.RetryJob(pb.RetryJobRequest(job_id=job_id))
    stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, after=0))
    caught_up = await collected(stream, 4)
    assert [message.position for message in caught_up] == [1, 2, 3, 4]
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    assert [message.position for message in await rest_of(stream)] == [5]


async def test_all_jobs_from_now_on(api: RunningApi) -> None:
    """Without a position the stream sends later commits of all jobs of the tenant."""
    await api.submit()
    stream = api.jobs.WatchJobs(pb.WatchJobsRequest())
    await attached(api)
    first, second = await api.submit("one"), await api.submit("two")
    messages = await collected(stream, 2)
    assert [message.job.id for message in messages] == [first, second]
    assert [message.job.spec.prompt for message in messages] == ["one", "two"]
    assert [message.position for message in messages] == [2, 3]
    stream.cancel()
    await attached(api, 0)


async def test_catching_up_meets_the_live_feed(api: RunningApi) -> None:
    """While jobs are submitted, a stream from position 0 sends every commit once and in order."""
    for number in range(300):
        await api.submit(f"before {number}")
    stream = api.jobs.WatchJobs(pb.WatchJobsRequest(after=0))
    messages = list(await collected(stream, 1))

    async def submit_more() -> None:
        for number in range(300):
            await api.submit(f"after {number}")

    submitting = asyncio.create_task(submit_more())
    messages += await collected(stream, 599)
    await submitting
    assert [message.position for message in messages] == list(range(1, 601))
    stream.cancel()


async def test_overflow_while_catching_up(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """If too many commits arrive during the catch-up, the rest is read from the log: all commits are sent once."""
    monkeypatch.setattr(watcher, "MAX_PENDING_COMMITS", 5)
    for number in range(50):
        await api.submit(f"before {number}")
    store_read = api.store.read

    async def delivered() -> bool:
        return api.server._job_service.broadcast.position >= 90

    async def slow_read(after: int, last: int | None = None) -> AsyncIterator[Any]:
        async for batch in store_read(after, last):
            if after == 0:
                for number in range(40):
                    await api.submit(f"during {number}")
                await until(delivered)
            yield batch

    monkeypatch.setattr(api.store, "read", slow_read)
    stream = api.jobs.WatchJobs(pb.WatchJobsRequest(after=0))
    messages = await collected(stream, 90)
    assert [message.position for message in messages] == list(range(1, 91))
    stream.cancel()


async def test_tenants_do_not_see_each_other(api: RunningApi) -> None:
    """A stream sends only jobs of the caller's tenant: catching up or live, commits or progress."""
    other = ((TENANT_KEY, "other"),)
    theirs = await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="theirs"), metadata=other)
    stream = api.jobs.WatchJobs(pb.WatchJobsRequest(after=0, progress=True))
    mine = await api.submit("mine")
    (first,) = await collected(stream, 1)
    await api.start_attempt(theirs.job.id)
    await api.progress.publish(progress(api, theirs.job.id))
    await api.start_attempt(mine)
    (second,) = await collected(stream, 1)
    assert {first.job.id, second.job.id} == {mine}
    problem = await refused(api.jobs.WatchJob(pb.WatchJobRequest(job_id=theirs.job.id)))
    assert problem.code is grpc.StatusCode.NOT_FOUND
    stream.cancel()


async def test_progress_is_sent_to_streams_that_request_it(api: RunningApi) -> None:
    """Progress, log lines and previews are sent to streams that request them, with the latest position."""
    job_id = await api.submit()
    await api.start_attempt(job_id)
    stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, previews=True, logs=True))
    await collected(stream, 1)
    await api.progress.publish(progress(api, job_id))
    (message,) = await collected(stream, 1)
    assert (message.progress.percent, message.progress.eta_seconds, message.position) == (40.0, 12.5, 2)
    await api.progress.publish(
        LogLine(job_id=job_id, attempt=1, at=api.clock(), level=LogLevel.INFO, message="weights loaded")
    )
    assert (await collected(stream, 1))[0].log.message == "weights loaded"
    await api.progress.publish(
        PreviewImage(
            job_id=job_id,
            attempt=1,
            at=api.clock(),
            scene=0,
            step=4,
            media_type="image/webp",
            image=b"picture",
        )
    )
    assert (await collected(stream, 1))[0].preview.image == b"picture"
    mark = c.StageMark(stage=Stage.DENOISE, scene=0, at=api.clock())
    await api.work(job_id, c.RecordStages(id="s1", actor="w1", attempt=1, marks=(mark,)))
    (commit,) = await collected(stream, 1)
    assert commit.job.percent == 40.0
    stream.cancel()


async def test_the_first_message_has_the_newest_preview(api: RunningApi) -> None:
    """It is that of the running attempt, also if nobody watched when it was published."""
    job_id = await api.submit()
    await api.start_attempt(job_id)
    picture = PreviewImage(
        job_id=job_id, attempt=1, at=api.clock(), scene=0, step=4, media_type="image/webp", image=b"picture"
    )
    await api.progress.publish(picture)
    request = pb.WatchJobRequest(job_id=job_id, previews=True)
    stream = api.jobs.WatchJob(request)
    (first,) = await collected(stream, 1)
    assert (first.job.id, first.last_preview.step, first.last_preview.image) == (job_id, 4, b"picture")
    await api.progress.publish(replace(picture, step=8))
    assert (await collected(stream, 1))[0].preview.step == 8
    again = api.jobs.WatchJob(request)
    assert (await collected(again, 1))[0].last_preview.step == 8
    unwanted = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id))
    assert not (await collected(unwanted, 1))[0].HasField("last_preview")
    await api.fail(job_id)
    ended = api.jobs.WatchJob(request)
    assert not (await collected(ended, 1))[0].HasField("last_preview")
    for each in (stream, again, unwanted, ended):
        each.cancel()


async def test_progress_is_conflated_and_commits_are_not(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress that follows too soon waits; commits pass it, and none of it follows the end of the job."""
    monkeypatch.setattr(conflation, "INTERVAL_SECONDS", 3_600)
    job_id = await api.submit()
    await api.start_attempt(job_id)
    stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id))
    await collected(stream, 1)
    for percent in range(1, 50):
        await api.progress.publish(progress(api, job_id, percent))
    (message,) = await collected(stream, 1)
    assert message.progress.job_id == job_id
    await api.work(job_id, c.Cancel(id="c1", actor="me"))
    await api.work(job_id, c.ConfirmCancel(id="c2", actor="w1", attempt=1))
    assert [list(message.events) for message in await rest_of(stream)] == [
        ["cancel_requested"],
        ["cancelled"],
    ]


async def test_a_running_job_has_its_progress(api: RunningApi) -> None:
    """GetJob and WatchJob return the current job with its latest progress, which was reported before anybody watched.

    The percentage does not fall with the next commit, or with one that is read from the history.
    """
    job_id = await api.submit()
    await api.start_attempt(job_id)
    await api.progress.publish(progress(api, job_id))
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    assert (job.percent, job.eta_seconds, job.stage) == (40.0, 12.5, job_pb2.STAGE_DENOISE)
    stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id))
    assert (await collected(stream, 1))[0].job.percent == 40.0
    mark = c.StageMark(stage=Stage.DENOISE, scene=0, at=api.clock())
    await api.work(job_id, c.RecordStages(id="s1", actor="w1", attempt=1, marks=(mark,)))
    assert (await collected(stream, 1))[0].job.percent == 40.0
    stream.cancel()
    await attached(api, 0)
    stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, after=2))
    assert (await collected(stream, 1))[0].job.percent == 40.0
    stream.cancel()


async def test_two_watchers_at_once_have_the_progress(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit is not sent without the progress while that is read for another watcher."""
    job_id = await api.submit()
    await api.start_attempt(job_id)
    await api.progress.publish(progress(api, job_id))
    mark = c.StageMark(stage=Stage.DENOISE, scene=0, at=api.clock())
    await api.work(job_id, c.RecordStages(id="s1", actor="w1", attempt=1, marks=(mark,)))
    reading, needed_again, last_progress = asyncio.Event(), asyncio.Event(), api.progress.last_progress

    async def slow_for_the_first(job: str, attempt: int) -> Progress | None:
        if reading.is_set():
            needed_again.set()
        reading.set()
        await needed_again.wait()
        return await last_progress(job, attempt)

    monkeypatch.setattr(api.progress, "last_progress", slow_for_the_first)
    request = pb.WatchJobRequest(job_id=job_id, after=2)
    first = asyncio.create_task(collected(api.jobs.WatchJob(request), 1))
    await reading.wait()
    seconds = await collected(api.jobs.WatchJob(request), 1)
    needed_again.set()
    assert [message.job.percent for message in (*seconds, *await first)] == [40.0, 40.0]


async def test_idle_streams_have_a_heartbeat(api: RunningApi) -> None:
    """A stream that asks for it gets its position while nothing happens, also while others' commits are read."""
    job_id = await api.submit()
    theirs = ((TENANT_KEY, "other"),)
    for stream in (
        api.jobs.WatchJobs(pb.WatchJobsRequest(after=0, heartbeat_seconds=1), metadata=theirs),
        api.jobs.WatchJobs(pb.WatchJobsRequest(after=1, heartbeat_seconds=1)),
        api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, after=1, heartbeat_seconds=1)),
    ):
        (heartbeat,) = await collected(stream, 1)
        assert (heartbeat.WhichOneof("update"), heartbeat.position) == (None, 1)
        stream.cancel()


async def test_a_stopping_api_ends_its_streams(api: RunningApi) -> None:
    """Streams of a stopping api end with UNAVAILABLE, so that clients resume at another api."""
    stream = api.jobs.WatchJobs(pb.WatchJobsRequest())
    await attached(api)
    stopping = asyncio.create_task(api.server.stop())
    problem = await refused(stream)
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAVAILABLE, "STOPPING")
    await stopping


async def test_a_lagging_replica(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a lagging replica returns an old job first, the missing commits are read from the history."""
    job_id = await api.submit()
    early = await api.store.load(job_id)
    await api.start_attempt(job_id)

    async def lagging(job_id: str) -> object:
        return early

    with monkeypatch.context() as patch:
        patch.setattr(api.store, "load", lagging)
        stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id))
        (first,) = await collected(stream, 1)
    assert first.position == 1
    await api.work(job_id, c.Cancel(id="c1", actor="me"))
    await api.work(job_id, c.ConfirmCancel(id="c2", actor="w1", attempt=1))
    assert [message.position for message in await rest_of(stream)] == [2, 3, 4]
