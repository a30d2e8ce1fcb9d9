"""BatchReader: batches hold all that has arrived, and end as the reading ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest
from kinolog_projector.projection.batch import BatchPreparer, CommitBatch
from kinolog_projector.projection.batch_reader import COLLECTION_SECONDS, BatchReader

from kinolog.job.commit import RecordedCommit
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.waits import WAIT_SECONDS


@pytest.fixture
async def memory_jobs() -> MemoryJobs:
    """A log of some commits."""
    made = MemoryJobs()
    await made.many(30)
    return made


def batch_reader(memory_jobs: MemoryJobs, batch_size: int) -> BatchReader:
    """Return a reader of that log."""
    return BatchReader(BatchPreparer(memory_jobs.store, memory_jobs.keys), batch_size)


async def test_every_commit_comes_once_and_in_order(memory_jobs: MemoryJobs) -> None:
    """Batches hold every commit in order, and none exceeds the maximum."""
    last = await memory_jobs.store.last_position()
    positions: list[int] = []
    async for batch in batch_reader(memory_jobs, 7).batches(0, memory_jobs.store.read(0)):
        assert 0 < len(batch.commits) <= 7
        positions += [recorded.position for recorded in batch.commits]
    assert positions == list(range(1, last + 1))


async def test_what_arrives_while_a_batch_is_written_is_one_batch(memory_jobs: MemoryJobs) -> None:
    """A writer that is slower than the log gets larger batches."""
    await memory_jobs.store.last_position()

    async def one_by_one() -> AsyncIterator[Sequence[RecordedCommit]]:
        async for commits in memory_jobs.store.read(0):
            for recorded in commits:
                yield [recorded]

    sizes = []
    async for batch in batch_reader(memory_jobs, 1_000).batches(0, one_by_one()):
        sizes.append(len(batch.commits))
        for _ in range(20):
            await asyncio.sleep(0)
    assert max(sizes) > 1


@pytest.mark.parametrize("error", [LogUnavailable("gone"), DamagedLog("torn")])
async def test_what_ends_the_reading_ends_the_batches(memory_jobs: MemoryJobs, error: Exception) -> None:
    """An error of the log is raised to the consumer of the batches."""

    async def breaking() -> AsyncIterator[Sequence[RecordedCommit]]:
        async for commits in memory_jobs.store.read(0):
            yield commits[:3]
            raise error

    with pytest.raises(type(error)):
        async for _ in batch_reader(memory_jobs, 100).batches(0, breaking()):
            pass


async def test_closing_stops_the_reading(memory_jobs: MemoryJobs) -> None:
    """After closing, no task continues to read."""
    before = asyncio.all_tasks()
    async with aclosing(batch_reader(memory_jobs, 2).batches(0, memory_jobs.store.follow(0))) as batches:
        async for _ in batches:
            break
    assert asyncio.all_tasks() == before


async def test_an_error_of_the_end_of_the_reading_is_raised(memory_jobs: MemoryJobs) -> None:
    """A reading whose end fails ends the batches: without it the projection would wait for more."""

    class Unclosable:
        """Commits whose end fails."""

        def __init__(self) -> None:
            self.commits = memory_jobs.store.read(0)

        def __aiter__(self) -> Unclosable:
            return self

        async def __anext__(self) -> Sequence[RecordedCommit]:
            return await anext(self.commits)

        async def aclose(self) -> None:
            raise LogUnavailable("while it ended")

    positions: list[int] = []

    async def collect() -> None:
        async for batch in batch_reader(memory_jobs, 7).batches(0, Unclosable()):
            positions.extend(recorded.position for recorded in batch.commits)

    async with asyncio.timeout(WAIT_SECONDS):
        with pytest.raises(LogUnavailable, match="while it ended"):
            await collect()
    assert positions == list(range(1, await memory_jobs.store.last_position() + 1))


async def test_a_new_job_waits_for_commits_that_follow_it(memory_jobs: MemoryJobs) -> None:
    """A commit that begins a job is written with what arrives in the pause after it. Other commits do not wait."""
    recorded = [each async for commits in memory_jobs.store.read(0) for each in commits]
    first, other = recorded[0], next(each for each in recorded if each.commit.previous_position)
    assert first.commit.previous_position == 0
    pauses: list[float] = []
    paused, over = asyncio.Event(), asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        paused.set()
        await over.wait()

    reader = BatchReader(UncheckedPreparer(memory_jobs.store, memory_jobs.keys), 100, pause)

    async def arriving() -> AsyncIterator[Sequence[RecordedCommit]]:
        yield [first]
        await paused.wait()
        yield [other]
        over.set()

    batches = [batch.commits async for batch in reader.batches(0, arriving())]
    assert [list(commits) for commits in batches] == [[first, other]]

    async def known() -> AsyncIterator[Sequence[RecordedCommit]]:
        yield [other]

    reader = BatchReader(UncheckedPreparer(memory_jobs.store, memory_jobs.keys), 100, pause)
    assert [list(batch.commits) async for batch in reader.batches(0, known())] == [[other]]
    assert pauses == [COLLECTION_SECONDS]


class UncheckedPreparer(BatchPreparer):
    """Prepares commits with gaps between them."""

    async def prepare(self, previous: int, commits: Sequence[RecordedCommit]) -> CommitBatch:
        return CommitBatch(commits, {}, {}, {})
