"""Charts and feeds against what walking the whole log finds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import fmean, median

import pytest

from kinolog.job import events as e
from kinolog.job.commit import RecordedCommit
from kinolog.job.values import Priority, Status
from kinolog.ports.read_model import (
    ActivityRow,
    JobFilter,
    JobQuery,
    PositionNotReached,
    ReadModelUnavailable,
    TimeRange,
)
from kinolog.readmodel.postgres import PostgresReadModel
from tests.builders.memory_jobs import START, MemoryJobs
from tests.integration.readmodel_database import migrate, projected

ALL = TimeRange(start=START - timedelta(days=400), end=START + timedelta(days=2))


@dataclass
class ChartedJobs:
    """A read model, and the log that it was made from, of one tenant."""

    read_model: PostgresReadModel
    memory_jobs: MemoryJobs
    commits: list[RecordedCommit] = field(default_factory=list)

    def events(self, kind: type) -> list[e.Event]:
        """All events of a kind."""
        return [event for one in self.commits for event in one.commit.events if isinstance(event, kind)]

    def count(self, kind: type, start: datetime, end: datetime) -> int:
        """How many events of a kind happened in a span."""
        return sum(start <= event.at < end for event in self.events(kind))


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[ChartedJobs]:
    """Some hundred and fifty jobs of two tenants, seen as one of them."""
    memory_jobs = MemoryJobs()
    await memory_jobs.many(150)
    async with projected(database_url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys, 61)
    read_model = await PostgresReadModel.connect(database_url, 3)
    made = ChartedJobs(read_model, memory_jobs)
    async for batch in memory_jobs.store.read(0):
        made.commits += [one for one in batch if one.commit.state.tenant == "default"]
    yield made
    await read_model.close()


@pytest.mark.parametrize(
    ("start", "end"),
    [(ALL.start, ALL.end), (START, START + timedelta(minutes=11)), (START + timedelta(minutes=3), ALL.end)],
)
async def test_the_overview_counts_what_happened_in_the_span(
    world: ChartedJobs, start: datetime, end: datetime
) -> None:
    """Submissions and ends of the span; what waits and runs, as of now."""
    overview = await world.read_model.overview("default", TimeRange(start=start, end=end))
    completed = world.count(e.Completed, start, end)
    failed, cancelled = world.count(e.Failed, start, end), world.count(e.Cancelled, start, end)
    assert overview.submitted == world.count(e.Submitted, start, end)
    assert (overview.completed, overview.failed, overview.cancelled) == (completed, failed, cancelled)
    ended = completed + failed + cancelled
    assert overview.success_rate == (completed / ended if ended else None)
    assert overview.gpu_seconds == pytest.approx(3.5 * completed)
    assert overview.video_seconds == pytest.approx(2.0 * completed)
    summary = await world.read_model.summarize("default", JobFilter())
    assert overview.queued_now == summary.counts[Status.QUEUED]
    assert overview.processing_now == summary.counts[Status.PROCESSING]


async def test_times_from_start_to_completion(world: ChartedJobs) -> None:
    """Mean to the microsecond; median to a sixteenth."""
    overview = await world.read_model.overview("default", ALL)
    took = [
        (one.commit.state.finished_at - one.commit.state.started_at).total_seconds()
        for one in world.commits
        if isinstance(one.commit.events[-1], e.Completed)
        and one.commit.state.started_at is not None
        and one.commit.state.finished_at is not None
    ]
    assert overview.mean_seconds == pytest.approx(fmean(took))
    assert overview.p50_seconds == pytest.approx(median(took), rel=0.13)
    empty = await world.read_model.overview("nobody", ALL)
    assert (empty.mean_seconds, empty.p95_seconds, empty.success_rate) == (None, None, None)


async def test_success_rates_by_priority(world: ChartedJobs) -> None:
    """Every priority is there, with the ends of its jobs at the priority that they had then."""
    rates = await world.read_model.success_rates("default", ALL)
    assert [rate.priority for rate in rates] == list(Priority)
    for kind, name in ((e.Completed, "completed"), (e.Failed, "failed"), (e.Cancelled, "cancelled")):
        expected = Counter(
            one.commit.state.priority
            for one in world.commits
            if any(isinstance(event, kind) for event in one.commit.events)
        )
        assert {rate.priority: getattr(rate, name) for rate in rates} == {p: expected[p] for p in Priority}
    assert all(
        rate.rate
        == (rate.completed / (rate.completed + rate.failed) if rate.completed + rate.failed else None)
        for rate in rates
    )


async def test_stage_times(world: ChartedJobs) -> None:
    """Count and mean of each stage that ended; its median to a sixteenth."""
    times = await world.read_model.stage_times("default", ALL)
    seconds: dict[object, list[float]] = {}
    for event in world.events(e.StageFinished):
        assert isinstance(event, e.StageFinished)
        seconds.setdefault(event.stage, []).append(event.seconds)
    assert {time.stage: time.count for time in times} == {stage: len(its) for stage, its in seconds.items()}
    for time in times:
        assert time.mean_seconds == pytest.approx(fmean(seconds[time.stage]), abs=1e-5)
        assert time.p50_seconds <= time.p95_seconds


@pytest.mark.parametrize("bucket_seconds", [60, 120, 3_600])
async def test_trends_add_up(world: ChartedJobs, bucket_seconds: int) -> None:
    """Every bucket that the span touches counts all of its own events, empty ones too."""
    span = TimeRange(start=START + timedelta(seconds=30), end=START + timedelta(seconds=510))
    trends = await world.read_model.trends("default", span, bucket_seconds)
    assert trends.bucket_seconds == bucket_seconds
    for one, other in zip(trends.points, trends.points[1:], strict=False):
        assert other.at - one.at == timedelta(seconds=bucket_seconds)
    for point in trends.points:
        end = point.at + timedelta(seconds=bucket_seconds)
        assert point.submitted == world.count(e.Submitted, point.at, end)
        assert point.completed == world.count(e.Completed, point.at, end)
        assert point.failed == world.count(e.Failed, point.at, end)


async def test_depth_follows_the_queue(world: ChartedJobs) -> None:
    """The depth at the end of a bucket is what the history says waited and ran then."""
    depth = await world.read_model.queue_depth("default", ALL, 86_400)
    last = depth.points[-1]
    summary = await world.read_model.summarize("default", JobFilter())
    assert (last.queued, last.processing) == (
        summary.counts[Status.QUEUED],
        summary.counts[Status.PROCESSING],
    )
    span = TimeRange(start=START + timedelta(minutes=5), end=START + timedelta(minutes=15))
    depth = await world.read_model.queue_depth("default", span, 60)
    for point in depth.points:
        now = point.at + timedelta(seconds=60)
        states = {}
        for one in world.commits:
            if one.commit.at < now:
                states[one.commit.job_id] = one.commit.state.status
        counted = Counter(states.values())
        assert (point.queued, point.processing) == (counted[Status.QUEUED], counted[Status.PROCESSING])


@pytest.mark.parametrize("bucket_seconds", [300, 3_600])
async def test_peaks_are_those_of_the_minutes(world: ChartedJobs, bucket_seconds: int) -> None:
    """The peaks of a bucket are the greatest of the depths at its start and at the ends of its minutes."""
    span = TimeRange(start=START + timedelta(minutes=5), end=START + timedelta(minutes=15))
    wide = await world.read_model.queue_depth("default", span, bucket_seconds)
    length = timedelta(seconds=bucket_seconds)
    whole = TimeRange(start=wide.points[0].at - timedelta(seconds=60), end=wide.points[-1].at + length)
    minutes = (await world.read_model.queue_depth("default", whole, 60)).points
    assert any(point.peak_queued > point.queued for point in wide.points)
    for point in wide.points:
        start = point.at - timedelta(seconds=60)
        its = [minute for minute in minutes if start <= minute.at < point.at + length]
        assert point.peak_queued == max(minute.queued for minute in its)
        assert point.peak_processing == max(minute.processing for minute in its)


async def test_charts_choose_buckets_that_a_screen_can_show(world: ChartedJobs) -> None:
    """Long spans get wide buckets, and asking for too many points widens them."""
    assert (await world.read_model.trends("default", ALL)).bucket_seconds == 7 * 86_400
    wide = await world.read_model.trends("default", ALL, 1)
    assert len(wide.points) <= 1_501
    short = TimeRange(start=START, end=START + timedelta(minutes=30))
    assert (await world.read_model.queue_depth("default", short)).bucket_seconds == 60


async def test_the_feed_pages_without_cutting_commits(world: ChartedJobs) -> None:
    """Newest first; the pages hold every entry once, whatever their size."""
    whole = await world.read_model.list_activity("default", limit=10_000)
    positions = [(entry.position, entry.index) for entry in whole]
    assert positions == sorted(positions, reverse=True)
    assert {entry.event for entry in whole} >= {"submitted", "completed", "failed", "cancelled", "erased"}
    for limit in (3, 7):
        paged: list[ActivityRow] = []
        before = None
        while page := await world.read_model.list_activity("default", before, limit):
            assert len(page) <= limit
            paged += page
            before = page[-1].position
        assert paged == list(whole)


async def test_the_archive_gives_back_a_jobs_commits(world: ChartedJobs) -> None:
    """Bytes and digest of every commit of the job, oldest first."""
    job_id = world.commits[0].commit.job_id
    history = [one async for one in world.memory_jobs.store.history(job_id)]
    archived = await world.read_model.archived_commits(job_id)
    assert [(one.position, one.raw, one.digest) for one in archived] == [
        (one.position, one.raw, one.digest) for one in history
    ]


async def test_waiting_for_a_position_that_does_not_come(world: ChartedJobs) -> None:
    """Waiting ends with the position that was reached; a hundred who wait cost no more than one."""
    reached = await world.read_model.position()
    assert await world.read_model.wait_for(reached) == reached
    waiting = [world.read_model.wait_for(reached + 1, 0.2) for _ in range(100)]
    for outcome in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(outcome, PositionNotReached)
        assert (outcome.wanted, outcome.reached) == (reached + 1, reached)


async def test_a_database_without_read_models_says_so(database_url: str) -> None:
    """Asking before the first migration is refused in words, and works once it is done."""
    read_model = await PostgresReadModel.connect(database_url, 1)
    with pytest.raises(ReadModelUnavailable, match="kinolog-projector migrate"):
        await read_model.list_jobs("default", JobQuery())
    await migrate(database_url)
    assert (await read_model.list_jobs("default", JobQuery())).rows == ()
    await read_model.close()


async def test_nothing_happened_yet(database_url: str) -> None:
    """An empty read model answers every question."""
    await migrate(database_url)
    read_model = await PostgresReadModel.connect(database_url, 1)
    now = TimeRange(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 8, tzinfo=UTC))
    assert (await read_model.summarize("default", JobFilter())).total == 0
    assert (await read_model.overview("default", now)).submitted == 0
    assert len(await read_model.success_rates("default", now)) == 4
    assert await read_model.stage_times("default", now) == ()
    assert all(point.queued == 0 for point in (await read_model.queue_depth("default", now)).points)
    assert await read_model.list_activity("default") == ()
    assert await read_model.archived_commits("nobody") == []
    assert await read_model.queue_position("nobody") is None
    assert await read_model.position() == 0
    await read_model.close()
