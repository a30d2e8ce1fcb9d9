"""Conformance of the progress feeds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import pytest

from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.provision import provision
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ids import new_id
from kinolog.job.values import Stage
from kinolog.ports.progress import LogLevel, LogLine, PreviewImage, Progress, ProgressFeed, ProgressUpdate
from tests.adapters.memory.progress import MemoryProgressFeed
from tests.fixtures.log import connected, server_of, settings_of
from tests.fixtures.waits import WAIT_SECONDS, until

AT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)


def progress(job_id: str, step: int = 1, attempt: int = 1) -> Progress:
    """Return progress of a job."""
    return Progress(
        job_id=job_id,
        attempt=attempt,
        at=AT,
        worker="worker-1",
        stage=Stage.DENOISE,
        scene=0,
        scenes=2,
        step=step,
        steps=20,
        percent=12.5,
        eta_seconds=None,
    )


def line(job_id: str, message: str = "the model is loaded") -> LogLine:
    """Return a log line of a job."""
    return LogLine(job_id=job_id, attempt=1, at=AT, level=LogLevel.WARNING, message=message)


@dataclass
class Feeds:
    """The feed of workers and the feed of readers."""

    worker_feed: ProgressFeed
    reader_feed: ProgressFeed

    async def recent(
        self, job_id: str, met: Callable[[Sequence[ProgressUpdate]], bool]
    ) -> list[ProgressUpdate]:
        """Wait until the updates of a job are as required: they are published without waiting."""
        found = await until(partial(self.reader_feed.recent, job_id), "the messages of a job", met)
        return list(found)

    async def last(self, job_id: str, attempt: int, expected: Progress) -> None:
        """Wait until the newest progress is as expected: the replica that answers may lag."""
        read = partial(self.reader_feed.last_progress, job_id, attempt)
        await until(read, "the newest progress", lambda found: found == expected)


@pytest.fixture(params=["memory", "one server", "three replicas"])
async def feeds(request: pytest.FixtureRequest) -> AsyncIterator[Feeds]:
    """A feed of each kind."""
    if request.param == "memory":
        memory = MemoryProgressFeed()
        yield Feeds(memory, memory)
        return
    server = server_of(request, request.param)
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(server, Service.ADMIN))
        worker = await stack.enter_async_context(connected(server, Service.WORKER))
        api = await stack.enter_async_context(connected(server, Service.API))
        await provision(admin, settings_of(server, Service.ADMIN).nats_replicas)
        worker_feed, reader_feed = JetStreamProgressFeed(worker), JetStreamProgressFeed(api)
        stack.push_async_callback(worker_feed.close)
        stack.push_async_callback(reader_feed.close)
        feeds = Feeds(worker_feed, reader_feed)
        await _until_stored(feeds)
        yield feeds


async def _until_stored(feeds: Feeds) -> None:
    """Wait until an update arrives. It is lost while replicas elect a leader, and until all know who it is."""
    arrived: list[ProgressUpdate] = []
    while not arrived:
        job_id = new_id()
        await feeds.worker_feed.publish(progress(job_id))
        with suppress(AssertionError):
            arrived += await until(partial(feeds.reader_feed.recent, job_id), seconds=5.0)


async def test_updates_are_read_back_in_order(feeds: Feeds) -> None:
    """Progress, log lines and previews are read as they were published, oldest first; log lines get a sequence."""
    job_id = new_id()
    preview = PreviewImage(
        job_id=job_id, attempt=1, at=AT, scene=0, step=5, media_type="image/jpeg", image=b"\xff\xd8 a picture"
    )
    sent: list[ProgressUpdate] = [
        progress(job_id),
        line(job_id),
        preview,
        replace(progress(job_id, 6), eta_seconds=3.5),
    ]
    for update in sent:
        await feeds.worker_feed.publish(update)
    found = await feeds.recent(job_id, lambda found: len(found) == 4)
    read = found[1]
    assert isinstance(read, LogLine)
    assert read.sequence > 0
    assert [found[0], replace(read, sequence=0), *found[2:]] == sent


async def test_sequences_of_log_lines_grow(feeds: Feeds) -> None:
    """A later log line of a job has a higher sequence, in a later attempt too."""
    job_id = new_id()
    await feeds.worker_feed.publish(line(job_id, "one"))
    await feeds.worker_feed.publish(replace(line(job_id, "two"), attempt=2))
    found = await feeds.recent(job_id, lambda found: len(found) == 2)
    sequences = [update.sequence for update in found if isinstance(update, LogLine)]
    assert sequences[0] < sequences[1]


async def test_only_the_newest_are_stored(feeds: Feeds) -> None:
    """Of one attempt the feed stores the last five hundred updates."""
    job_id = new_id()
    for step in range(1, 511):
        await feeds.worker_feed.publish(progress(job_id, step))
    found = await feeds.recent(job_id, lambda found: bool(found) and found[-1] == progress(job_id, 510))
    assert found == [progress(job_id, step) for step in range(11, 511)]


async def test_the_newest_progress_of_an_attempt(feeds: Feeds) -> None:
    """The last progress of an attempt is found after log lines, and apart from other attempts."""
    job_id = new_id()
    assert await feeds.reader_feed.last_progress(job_id, 1) is None
    await feeds.worker_feed.publish(progress(job_id, 3))
    await feeds.worker_feed.publish(progress(job_id, 4))
    await feeds.worker_feed.publish(line(job_id))
    await feeds.worker_feed.publish(progress(job_id, 1, attempt=2))
    await feeds.recent(job_id, lambda found: len(found) == 4)
    await feeds.last(job_id, 1, progress(job_id, 4))
    await feeds.last(job_id, 2, progress(job_id, 1, attempt=2))
    assert await feeds.reader_feed.last_progress(job_id, 3) is None
    picture = PreviewImage(
        job_id=job_id, attempt=2, at=AT, scene=0, step=5, media_type="image/jpeg", image=b"\xff\xd8 a picture"
    )
    for update in (picture, replace(picture, step=6), progress(job_id, 7, attempt=2)):
        await feeds.worker_feed.publish(update)
    await feeds.last(job_id, 2, progress(job_id, 7, attempt=2))
    assert await feeds.reader_feed.last_preview(job_id, 2) == replace(picture, step=6)
    assert await feeds.reader_feed.last_preview(job_id, 1) is None


async def test_a_follower_sees_what_is_published_from_now_on(feeds: Feeds) -> None:
    """A follower of a job reads its updates in order, and none of other jobs."""
    job_id, other = new_id(), new_id()
    await feeds.worker_feed.publish(progress(job_id, 1))
    await feeds.recent(job_id, bool)
    async with aclosing(feeds.reader_feed.follow(job_id)) as following:
        seen = await _first(feeds, following, job_id)
        assert seen != progress(job_id, 1)
        await feeds.worker_feed.publish(progress(other, 9))
        await feeds.worker_feed.publish(line(job_id, "last"))
        async with asyncio.timeout(WAIT_SECONDS):
            async for update in following:
                assert update.job_id == job_id
                if isinstance(update, LogLine):
                    assert update.sequence > 0
                    break


async def test_a_follower_reads_on_after_a_position(feeds: Feeds) -> None:
    """It reads what was published after the position and before it began, each update once."""
    job_id, other = new_id(), new_id()
    await feeds.worker_feed.publish(progress(job_id, 1))
    await feeds.recent(job_id, bool)
    position = await feeds.reader_feed.last_position()
    sent = [progress(job_id, 2), progress(other, 3), progress(job_id, 4)]
    for update in sent:
        await feeds.worker_feed.publish(update)
    await feeds.recent(job_id, lambda found: len(found) == 3)
    for followed, expected in ((None, sent), (job_id, [sent[0], sent[2]])):
        async with aclosing(feeds.reader_feed.follow(followed, after=position)) as following:
            async with asyncio.timeout(WAIT_SECONDS):
                assert [await anext(following) for _ in expected] == expected


async def test_all_jobs_can_be_followed(feeds: Feeds) -> None:
    """A follower of all jobs reads the updates of each."""
    one, other = new_id(), new_id()
    async with aclosing(feeds.reader_feed.follow()) as following:
        await _first(feeds, following, one)
        await feeds.worker_feed.publish(progress(other, 2))
        async with asyncio.timeout(WAIT_SECONDS):
            async for update in following:
                if update.job_id == other:
                    break
        assert update == progress(other, 2)


async def test_erasing_deletes_the_updates_of_a_job(feeds: Feeds) -> None:
    """After erasing, nothing of the job is left, and other jobs keep theirs; erasing nothing is no error."""
    job_id, other = new_id(), new_id()
    await feeds.reader_feed.erase(job_id)
    for update in (progress(job_id), line(job_id), progress(job_id, 1, attempt=2), progress(other)):
        await feeds.worker_feed.publish(update)
    await feeds.recent(other, lambda found: len(found) == 1)
    await feeds.reader_feed.erase(job_id)
    await feeds.recent(job_id, lambda found: not found)
    await feeds.recent(other, lambda found: len(found) == 1)


async def _first(feeds: Feeds, following: AsyncIterator[ProgressUpdate], job_id: str) -> ProgressUpdate:
    """Publish progress until the follower sees some of it: it begins with the first update after it subscribes."""

    async def publish() -> None:
        for step in range(2, 10_000):
            await feeds.worker_feed.publish(progress(job_id, step))
            await asyncio.sleep(0.01)

    publishing = asyncio.create_task(publish())
    async with asyncio.timeout(WAIT_SECONDS):
        async for update in following:
            if update.job_id == job_id:
                break
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    return update
