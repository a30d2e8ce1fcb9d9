"""Watching jobs, over a real connection: nothing missed, nothing twice, whatever the client does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from kinolog_api.rpc.authentication import TENANT_KEY
from kinolog_api.watch import watcher

from kinolog.job import commands as c
from kinolog.job.values import Stage
from kinolog.ports.progress import LogLevel, LogLine, PreviewImage, Progress
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.unit.api.running_api import RunningApi, collected, refused, running_api, until


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def rest_of(stream: Any) -> list[Any]:
    """Everything up to the end of a stream."""
    return list(await collected(stream, 1_000_000))


async def watching(api: RunningApi, watchers_now: int = 1) -> None:
    """Wait until so many streams stand at the hub."""

    async def there() -> bool:
        return len(api.server._job_service.broadcast._subscriptions) == watchers_now

    await until(there)


def progress(api: RunningApi, job_id: str, percent: float = 40.0) -> Progress:
    """Weather of the first attempt."""
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


async def test_a_job_is_watched_to_its_end(api: RunningApi) -> None:
    """The stream begins with the job as it stands, tells each commit, and ends after the terminal one."""
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
    """Watching a job that ended tells how it stands and ends; from its last position on, it just ends."""
    job_id = await api.submit()
    await api.complete(job_id)
    told = await rest_of(api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id)))
    assert [message.job.status for message in told] == [job_pb2.STATUS_COMPLETED]
    assert await rest_of(api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, after=3))) == []


async def test_resuming_a_watched_job(api: RunningApi) -> None:
    """From each position on, the stream tells exactly the commits behind it."""
    job_id = await api.submit()
    await api.submit()
    await api.complete(job_id)
    for after, expected in ((0, [1, 3, 4]), (1, [3, 4]), (2, [3, 4]), (3, [4])):
        told = await rest_of(api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, after=after)))
        assert [message.position for message in told] == expected


async def test_a_retried_job_is_watched_on(api: RunningApi) -> None:
    """Catching up runs through an ending that was retried, and goes on live."""
    job_id = await api.submit()
    await api.fail(job_id)
    await api.jobs.RetryJob(pb.RetryJobRequest(job_id=job_id))
    stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, after=0))
    caught_up = await collected(stream, 4)
    assert [message.position for message in caught_up] == [1, 2, 3, 4]
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    assert [message.position for message in await rest_of(stream)] == [5]


async def test_all_jobs_from_now_on(api: RunningApi) -> None:
    """Without a position the stream tells what happens from now on, to every job of the tenant."""
    await api.submit()
    stream = api.jobs.WatchJobs(pb.WatchJobsRequest())
    await watching(api)
    first, second = await api.submit("one"), await api.submit("two")
    told = await collected(stream, 2)
    assert [message.job.id for message in told] == [first, second]
    assert [message.job.spec.prompt for message in told] == ["one", "two"]
    assert [message.position for message in told] == [2, 3]
    stream.cancel()
    await watching(api, 0)


async def test_catching_up_meets_the_live_feed(api: RunningApi) -> None:
    """While jobs keep coming, a stream from position 0 tells every commit once and in order."""
    for number in range(300):
        await api.submit(f"before {number}")
    stream = api.jobs.WatchJobs(pb.WatchJobsRequest(after=0))
    told = list(await collected(stream, 1))

    async def go_on() -> None:
        for number in range(300):
            await api.submit(f"after {number}")

    going_on = asyncio.create_task(go_on())
    told += await collected(stream, 599)
    await going_on
    assert [message.position for message in told] == list(range(1, 601))
    stream.cancel()


async def test_overflow_while_catching_up(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """When more happens during the catch-up than may wait, the rest is read from the log: still all, once."""
    monkeypatch.setattr(watcher, "MAX_PENDING_COMMITS", 5)
    for number in range(50):
        await api.submit(f"before {number}")
    store_read = api.store.read

    async def handed_out() -> bool:
        return api.server._job_service.broadcast.position >= 90

    async def slow_read(after: int, last: int | None = None) -> AsyncIterator[Any]:
        async for batch in store_read(after, last):
            if after == 0:
                for number in range(40):
                    await api.submit(f"meanwhile {number}")
                await until(handed_out)
            yield batch

    monkeypatch.setattr(api.store, "read", slow_read)
    stream = api.jobs.WatchJobs(pb.WatchJobsRequest(after=0))
    told = await collected(stream, 90)
    assert [message.position for message in told] == list(range(1, 91))
    stream.cancel()


async def test_tenants_do_not_see_each_other(api: RunningApi) -> None:
    """A stream tells the caller's own jobs alone, caught up or live, commits or weather."""
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


async def test_weather_reaches_who_asked_for_it(api: RunningApi) -> None:
    """Progress, log lines and previews come to streams that want them, with the position seen so far."""
    job_id = await api.submit()
    await api.start_attempt(job_id)
    stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, previews=True, logs=True))
    await collected(stream, 1)
    await api.progress.publish(progress(api, job_id))
    (told,) = await collected(stream, 1)
    assert (told.progress.percent, told.progress.eta_seconds, told.position) == (40.0, 12.5, 2)
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


async def test_a_running_job_is_told_with_its_progress(api: RunningApi) -> None:
    """A job as it stands comes with the newest weather, to readers and watchers alike."""
    job_id = await api.submit()
    await api.start_attempt(job_id)
    await api.progress.publish(progress(api, job_id))
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    assert (job.percent, job.eta_seconds, job.stage) == (40.0, 12.5, job_pb2.STAGE_DENOISE)
    stream = api.jobs.WatchJob(pb.WatchJobRequest(job_id=job_id))
    assert (await collected(stream, 1))[0].job.percent == 40.0
    stream.cancel()


async def test_a_stopping_api_ends_its_streams(api: RunningApi) -> None:
    """Streams of an api that stops end as UNAVAILABLE, so that clients resume elsewhere."""
    stream = api.jobs.WatchJobs(pb.WatchJobsRequest())
    await watching(api)
    stopping = asyncio.create_task(api.server.stop())
    problem = await refused(stream)
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAVAILABLE, "STOPPING")
    await stopping


async def test_a_replica_that_answers_too_early(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the job that comes first was read from a replica that lags, the commits it missed come from the history."""
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
