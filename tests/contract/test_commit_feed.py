"""What every commit feed does. Runs in memory, on one nats-server and on three with three replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from kinolog.adapters.jetstream.log.commit_feed import JetStreamCommitFeed
from kinolog.adapters.jetstream.subjects import EVENTS, Service
from kinolog.ports.commit_feed import CommitFeed
from kinolog.ports.event_store import EventStore
from tests.adapters.memory.commit_feed import MemoryCommitFeed
from tests.adapters.memory.event_store import MemoryEventStore
from tests.fixtures.log import KINDS, Kind, connected, empty_streams, given_job, open_stores, server_of
from tests.fixtures.waits import WAIT_SECONDS, until

LOST_SECONDS = 1.0
"""An ack wait for a test in which commits come again. In the others a slow machine must not make them come again."""


@dataclass(frozen=True)
class ReadLog:
    """An empty log, and `open_feed` which opens a feed of the reader of a name."""

    log: EventStore
    open_feed: Callable[[str], CommitFeed]


@pytest.fixture
def ack_wait_seconds() -> float:
    """After so long a commit that was not acknowledged comes again."""
    return 10 * WAIT_SECONDS


@pytest.fixture(params=KINDS)
async def read_log(request: pytest.FixtureRequest, ack_wait_seconds: float) -> AsyncIterator[ReadLog]:
    """One of the logs with its feeds."""
    kind: Kind = request.param
    if kind == "memory":
        memory = MemoryEventStore()
        yield ReadLog(memory, lambda name: MemoryCommitFeed(memory, name))
        return
    server = server_of(request, kind)
    await empty_streams(server, [EVENTS])
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(server, Service.API))
        projector = await stack.enter_async_context(connected(server, Service.PROJECTOR))

        def open_feed(name: str) -> CommitFeed:
            feed = JetStreamCommitFeed(projector, name, ack_wait_seconds=ack_wait_seconds)
            stack.push_async_callback(feed.close)
            return feed

        yield ReadLog(stores.log, open_feed)


async def taken(feed: CommitFeed, count: int, *, acknowledged: bool = True) -> list[int]:
    """Positions of the next `count` commits, which must come."""
    positions: list[int] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while len(positions) < count:
            batch = await feed.take()
            positions += [recorded.position for recorded in batch]
            if acknowledged:
                await feed.acknowledge(batch)
    return positions


async def test_every_commit_comes_in_order_from_the_first_on(read_log: ReadLog) -> None:
    """A new reader gets the commits that were there before it, and then those that are appended."""
    await given_job(read_log.log, commits=3)
    feed = read_log.open_feed("reader")
    assert await taken(feed, 3) == [1, 2, 3]
    await given_job(read_log.log, commits=2)
    assert await taken(feed, 2) == [4, 5]


async def test_a_reader_waits_for_the_next_commit(read_log: ReadLog) -> None:
    """`take` does not return before there is a commit."""
    feed = read_log.open_feed("reader")
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(taken(feed, 1))
        await given_job(read_log.log)
    assert taking.result() == [1]


async def test_a_commit_comes_as_it_was_stored(read_log: ReadLog) -> None:
    """A feed gives the same commits as the history of their job."""
    job_id = await given_job(read_log.log, commits=3)
    feed = read_log.open_feed("reader")
    async with asyncio.timeout(WAIT_SECONDS):
        found = list(await feed.take())
        while len(found) < 3:
            found += await feed.take()
    assert found == [recorded async for recorded in read_log.log.history(job_id)]


async def test_acknowledged_commits_do_not_come_again(read_log: ReadLog) -> None:
    """The next reader of a name begins where the last one ended."""
    await given_job(read_log.log, commits=2)
    first = read_log.open_feed("reader")
    await taken(first, 2)
    await first.close()
    await given_job(read_log.log)
    assert await taken(read_log.open_feed("reader"), 1) == [3]


@pytest.mark.parametrize("ack_wait_seconds", [LOST_SECONDS])
async def test_commits_that_are_not_acknowledged_come_again(read_log: ReadLog) -> None:
    """What a reader took and did not acknowledge comes to the next reader of its name."""
    await given_job(read_log.log, commits=3)
    first = read_log.open_feed("reader")
    await taken(first, 3, acknowledged=False)
    await first.close()
    assert sorted(set(await taken(read_log.open_feed("reader"), 3))) == [1, 2, 3]


async def test_readers_of_other_names_do_not_share(read_log: ReadLog) -> None:
    """Every name has a position of its own."""
    await given_job(read_log.log, commits=2)
    assert await taken(read_log.open_feed("one"), 2) == [1, 2]
    assert await taken(read_log.open_feed("other"), 2) == [1, 2]


async def test_acknowledging_twice_and_closing_twice_do_no_harm(read_log: ReadLog) -> None:
    """Neither raises, whatever was acknowledged or closed before."""
    await given_job(read_log.log)
    feed = read_log.open_feed("reader")
    async with asyncio.timeout(WAIT_SECONDS):
        batch = await feed.take()
    await feed.acknowledge(batch)
    await feed.acknowledge(batch)
    await feed.close()
    await feed.close()


async def test_the_progress_of_a_reader(read_log: ReadLog) -> None:
    """The progress names the position up to which all is acknowledged, and how many commits follow it."""
    await given_job(read_log.log, 3)
    feed = read_log.open_feed("progress")
    batch = await feed.take()
    while len(batch) < 3:
        batch = [*batch, *await feed.take()]
    await feed.acknowledge(batch[:2])
    first = batch[0].position - 1
    await until(feed.progress, "two are acknowledged", lambda at: at.position >= first + 2)
    assert (await feed.progress()).waiting == 1
    await feed.acknowledge(batch[2:])
    await until(feed.progress, "all are acknowledged", lambda at: at.waiting == 0)
