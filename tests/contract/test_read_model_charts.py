"""Conformance of the read models: charts, compared with figures from the whole log."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import fmean, median

import pytest

from kinolog.job import events as e
from kinolog.job.cost import job_cost
from kinolog.job.values import Priority, Status
from kinolog.ports.read_model import JobFilter, TimeRange
from tests.builders.memory_jobs import START
from tests.contract.read_models import (
    GrowingCase,
    KnownLog,
    ReadModelCase,
    fill_database,
    growing_read_model,
    make_log,
    read_model_of,
)
from tests.fixtures.servers import NewDatabase

ALL = TimeRange(start=START - timedelta(days=400), end=START + timedelta(days=2))
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def log() -> KnownLog:
    """The log of this module's read models."""
    return make_log()


@pytest.fixture(scope="module")
def filled_url(log: KnownLog, new_migrated_database: NewDatabase) -> Iterator[str]:
    """URL of a database with the read models of the log."""
    with new_migrated_database() as url:
        asyncio.run(fill_database(url, log))
        yield url


@pytest.fixture(params=["memory", "postgres"])
async def case(
    request: pytest.FixtureRequest, log: KnownLog, filled_url: str
) -> AsyncIterator[ReadModelCase]:
    """Each read model of the log."""
    async with read_model_of(log, request.param, filled_url) as made:
        yield made


@pytest.fixture(params=["memory", "postgres"])
async def growing(request: pytest.FixtureRequest, migrated_database_url: str) -> AsyncIterator[GrowingCase]:
    """Each read model of an empty log."""
    async with growing_read_model(request.param, migrated_database_url) as made:
        yield made


def events(case: ReadModelCase, kind: type) -> list[e.Event]:
    """Return all events of a kind of the tenant."""
    return [event for one in case.log.of_tenant() for event in one.commit.events if isinstance(event, kind)]


def count(case: ReadModelCase, kind: type, start: datetime, end: datetime) -> int:
    """Return how many events of a kind happened in a span."""
    return sum(start <= event.at < end for event in events(case, kind))


def depth_at(case: ReadModelCase, at: datetime) -> Counter[Status]:
    """Return the number of jobs by status before a time."""
    statuses = {
        one.commit.job_id: one.commit.state.status for one in case.log.of_tenant() if one.commit.at < at
    }
    return Counter(statuses.values())


@pytest.mark.parametrize(
    ("start", "end"),
    [(ALL.start, ALL.end), (START, START + 11 * MINUTE), (START + 3 * MINUTE, ALL.end)],
)
async def test_the_overview_counts_the_events_of_the_span(
    case: ReadModelCase, start: datetime, end: datetime
) -> None:
    """It counts submissions and ends in the span, and the jobs that wait and run now."""
    overview = await case.model.overview("default", TimeRange(start=start, end=end))
    completed = count(case, e.Completed, start, end)
    failed, cancelled = count(case, e.Failed, start, end), count(case, e.Cancelled, start, end)
    assert overview.submitted == count(case, e.Submitted, start, end)
    assert (overview.completed, overview.failed, overview.cancelled) == (completed, failed, cancelled)
    finished = completed + failed
    assert overview.success_rate == (completed / finished if finished else None)
    assert overview.gpu_seconds == pytest.approx(3.5 * completed)
    assert overview.video_seconds == pytest.approx(2.0 * completed)
    summary = await case.model.summarize("default", JobFilter())
    assert overview.queued_now == summary.counts[Status.QUEUED]
    assert overview.processing_now == summary.counts[Status.PROCESSING]


async def test_the_use_of_tenants(case: ReadModelCase) -> None:
    """Each tenant's waiting jobs, bytes, and the costs of what it submitted and retried, by the minute."""
    commits, since = case.log.commits, START + 3 * MINUTE
    jobs = {one.commit.job_id: one.commit.state for one in commits}.values()
    whole = await case.model.all_use(since)
    assert whole.position == case.log.position
    assert await case.model.tenants() == sorted({job.tenant for job in jobs})
    assert (await case.model.database_time()).tzinfo is not None
    assert set(whole.queued) == {(job.tenant, job.id) for job in jobs if job.status is Status.QUEUED}
    for tenant in {job.tenant for job in jobs}:
        mine = [job for job in jobs if job.tenant == tenant]
        cost = sum(
            job_cost(one.commit.state.spec)
            for one in commits
            for event in one.commit.events
            if one.commit.state.tenant == tenant and event.at >= since
            if isinstance(event, e.Submitted | e.Retried)
        )
        use = await case.model.tenant_use(tenant, since + timedelta(seconds=59))
        assert use.cost == cost == sum(each.cost for each in whole.costs if each.tenant == tenant)
        statuses = Counter(job.status for job in mine)
        assert (use.queued_jobs, use.running_jobs) == (statuses[Status.QUEUED], statuses[Status.PROCESSING])
        files = sum(file.size_bytes for job in mine for file in job.artifacts)
        assert await case.model.artifact_bytes(tenant) == files
        messages = [one.raw for one in commits if one.commit.state.tenant == tenant]
        assert await case.model.log_bytes(tenant) == sum(map(len, messages))
    assert {each.at.second for each in whole.costs} == {0}


async def test_the_overview_has_the_times_of_jobs(case: ReadModelCase) -> None:
    """Means are exact to the microsecond, percentiles to a sixteenth; None when nothing ended.

    A job ran as long as its attempts together. The wait for a retry is no work.
    """
    overview = await case.model.overview("default", ALL)
    states = [
        one.commit.state for one in case.log.of_tenant() if isinstance(one.commit.events[-1], e.Completed)
    ]
    runs = [
        sum((one.ended_at - one.started_at).total_seconds() for one in job.attempts if one.ended_at)
        for job in states
    ]
    assert any(len(job.attempts) > 1 for job in states)
    assert overview.mean_seconds == pytest.approx(fmean(runs))
    assert overview.p50_seconds == pytest.approx(median(runs), rel=0.13)
    assert overview.p50_seconds is not None
    assert overview.p95_seconds is not None
    assert min(runs) <= overview.p50_seconds <= overview.p95_seconds <= max(runs)
    waits = [
        (event.at - one.commit.state.created_at).total_seconds()
        for one in case.log.of_tenant()
        for event in one.commit.events
        if isinstance(event, e.AttemptStarted) and event.attempt == 1
    ]
    assert overview.mean_wait_seconds == pytest.approx(fmean(waits))
    empty = await case.model.overview("nobody", ALL)
    assert (empty.mean_seconds, empty.p95_seconds, empty.success_rate) == (None, None, None)
    assert empty.mean_wait_seconds is None


async def test_success_rates_by_priority(case: ReadModelCase) -> None:
    """Every priority is present, critical first, with the ends of its jobs at the priority that they had then."""
    rates = await case.model.success_rates("default", ALL)
    assert [rate.priority for rate in rates] == list(Priority)
    for kind, name in ((e.Completed, "completed"), (e.Failed, "failed"), (e.Cancelled, "cancelled")):
        expected = Counter(
            one.commit.state.priority
            for one in case.log.of_tenant()
            if any(isinstance(event, kind) for event in one.commit.events)
        )
        assert {rate.priority: getattr(rate, name) for rate in rates} == {p: expected[p] for p in Priority}
    for rate in rates:
        finished = rate.completed + rate.failed
        assert rate.success_rate == (rate.completed / finished if finished else None)


async def test_stage_times(case: ReadModelCase) -> None:
    """Number and mean of each stage that finished, in the order of stages; its median to a sixteenth."""
    times = await case.model.stage_times("default", ALL)
    seconds: dict[object, list[float]] = {}
    for event in events(case, e.StageFinished):
        assert isinstance(event, e.StageFinished)
        seconds.setdefault(event.stage, []).append(event.seconds)
    assert {time.stage: time.count for time in times} == {stage: len(all_) for stage, all_ in seconds.items()}
    for time in times:
        assert time.mean_seconds == pytest.approx(fmean(seconds[time.stage]), abs=1e-5)
        assert time.p50_seconds == pytest.approx(median(seconds[time.stage]), rel=0.13)
        assert min(seconds[time.stage]) <= time.p50_seconds <= time.p95_seconds + 1e-9
        assert time.p95_seconds <= max(seconds[time.stage]) + 1e-6


@pytest.mark.parametrize("bucket_seconds", [60, 120, 3_600])
async def test_trends_add_up(case: ReadModelCase, bucket_seconds: int) -> None:
    """Every bucket that the span touches counts all of its own events, empty buckets too."""
    span = TimeRange(start=START + timedelta(seconds=30), end=START + timedelta(seconds=510))
    trends = await case.model.trends("default", span, bucket_seconds)
    assert trends.bucket_seconds == bucket_seconds
    for one, next_one in zip(trends.points, trends.points[1:], strict=False):
        assert next_one.at - one.at == timedelta(seconds=bucket_seconds)
    assert trends.points[0].at <= span.start
    for point in trends.points:
        end = point.at + timedelta(seconds=bucket_seconds)
        assert point.submitted == count(case, e.Submitted, point.at, end)
        assert point.completed == count(case, e.Completed, point.at, end)
        assert point.failed == count(case, e.Failed, point.at, end)
        assert point.cancelled == count(case, e.Cancelled, point.at, end)
        finished = point.completed + point.failed
        assert point.success_rate == (point.completed / finished if finished else None)


async def test_depth_follows_the_queue(case: ReadModelCase) -> None:
    """The depth at the end of a bucket is the number of jobs that waited and ran then."""
    summary = await case.model.summarize("default", JobFilter())
    last = (await case.model.queue_depth("default", ALL, 86_400)).points[-1]
    assert last.queued == summary.counts[Status.QUEUED]
    assert last.processing == summary.counts[Status.PROCESSING]
    span = TimeRange(start=START + 5 * MINUTE, end=START + 15 * MINUTE)
    for point in (await case.model.queue_depth("default", span, 60)).points:
        expected = depth_at(case, point.at + MINUTE)
        assert (point.queued, point.processing) == (expected[Status.QUEUED], expected[Status.PROCESSING])


@pytest.mark.parametrize("bucket_seconds", [60, 300, 3_600])
async def test_peaks_are_those_of_every_moment(case: ReadModelCase, bucket_seconds: int) -> None:
    """The peaks of a bucket are the greatest of the depths at its start and after each commit in it."""
    span = TimeRange(start=START + 5 * MINUTE, end=START + 15 * MINUTE)
    points = (await case.model.queue_depth("default", span, bucket_seconds)).points
    assert points
    times = [one.commit.at for one in case.log.of_tenant()]
    for point in points:
        end = point.at + timedelta(seconds=bucket_seconds)
        moments = [point.at, *(at + MICROSECOND for at in times if point.at <= at < end)]
        depths = [depth_at(case, at) for at in moments]
        assert point.peak_queued == max(depth[Status.QUEUED] for depth in depths)
        assert point.peak_processing == max(depth[Status.PROCESSING] for depth in depths)
        assert (point.busiest_queued, point.busiest_processing) in {
            (depth[Status.QUEUED], depth[Status.PROCESSING]) for depth in depths
        }
        together = max(depth[Status.QUEUED] + depth[Status.PROCESSING] for depth in depths)
        assert point.busiest_queued + point.busiest_processing == together


@pytest.mark.parametrize("seed", range(12))
async def test_any_span_is_a_recount_of_the_log(case: ReadModelCase, seed: int) -> None:
    """For spans and buckets drawn at random, overview, rates, trends and depths are those of the log itself."""
    random = Random(seed)
    start = START + timedelta(seconds=random.uniform(-600, 2_400))
    end = start + timedelta(seconds=random.uniform(60, 3_000))
    span, bucket_seconds = TimeRange(start=start, end=end), 60 * random.randint(1, 20)
    first, last = start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    last += MINUTE if last < end else timedelta()
    overview = await case.model.overview("default", span)
    rates = await case.model.success_rates("default", span)
    for kind, name in ((e.Completed, "completed"), (e.Failed, "failed"), (e.Cancelled, "cancelled")):
        assert getattr(overview, name) == count(case, kind, first, last)
        assert sum(getattr(rate, name) for rate in rates) == getattr(overview, name)
    trends = await case.model.trends("default", span, bucket_seconds)
    depth = await case.model.queue_depth("default", span, bucket_seconds)
    assert [point.at for point in trends.points] == [point.at for point in depth.points]
    for trend, point in zip(trends.points, depth.points, strict=True):
        after = trend.at + timedelta(seconds=bucket_seconds)
        assert trend.submitted == count(case, e.Submitted, trend.at, after)
        assert trend.failed == count(case, e.Failed, trend.at, after)
        expected = depth_at(case, after)
        assert (point.queued, point.processing) == (expected[Status.QUEUED], expected[Status.PROCESSING])
        assert point.peak_queued >= max(point.queued, point.busiest_queued)


@pytest.mark.parametrize("days", [0, 30, 400])
@pytest.mark.parametrize("pause", [timedelta(), timedelta(seconds=1), 5 * MINUTE])
async def test_jobs_that_waited_for_a_moment_are_in_the_peak(
    growing: GrowingCase, days: int, pause: timedelta
) -> None:
    """Jobs that waited and ended within a second, a minute or an hour are in the peak of every span.

    The projection gets the commits in several batches.
    """
    jobs = growing.jobs
    jobs.now += MINUTE - timedelta(seconds=jobs.now.second, microseconds=jobs.now.microsecond)
    for _ in range(3):
        await jobs.submit()
    jobs.now += pause
    await growing.project()
    await jobs.submit()
    for job_id in list(jobs.job_ids):
        await jobs.complete(job_id)
        await growing.project()
    span = TimeRange(start=START - timedelta(days=days), end=START + timedelta(hours=6))
    depth = await growing.model.queue_depth("default", span)
    assert max(point.peak_queued for point in depth.points) == 4
    assert max(point.peak_processing for point in depth.points) == 1
    assert max(point.busiest_queued + point.busiest_processing for point in depth.points) == 4
    assert depth.points[-1].queued == 0


async def test_the_busiest_moment_is_not_the_longest_queue(growing: GrowingCase) -> None:
    """Three jobs wait; two of them start, and a fourth one comes: most were there then, two waiting and two running."""
    jobs = growing.jobs
    first, second, _ = [await jobs.submit() for _ in range(3)]
    jobs.now += 2 * MINUTE
    await jobs.start(first)
    await jobs.start(second)
    await jobs.submit()
    await growing.project()
    span = TimeRange(start=START - MINUTE, end=START + timedelta(hours=1))
    depth = await growing.model.queue_depth("default", span, 3_600)
    (busy,) = [point for point in depth.points if point.peak_queued]
    assert (busy.peak_queued, busy.busiest_queued, busy.busiest_processing) == (3, 2, 2)


async def test_charts_choose_their_buckets(case: ReadModelCase) -> None:
    """A long span gets wide buckets, a short one minutes; a bucket that gives too many points is widened."""
    chosen = await case.model.trends("default", ALL)
    assert chosen.bucket_seconds == 7 * 86_400
    assert len((await case.model.trends("default", ALL, 1)).points) <= 1_501
    short = TimeRange(start=START, end=START + 30 * MINUTE)
    assert (await case.model.queue_depth("default", short)).bucket_seconds == 60


async def test_charts_of_nothing(growing: GrowingCase) -> None:
    """Before the first commit every chart has its points, all of them 0."""
    span = TimeRange(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 8, tzinfo=UTC))
    overview = await growing.model.overview("default", span)
    assert (overview.submitted, overview.queued_now, overview.mean_wait_seconds) == (0, 0, None)
    assert [rate.success_rate for rate in await growing.model.success_rates("default", span)] == [None] * 4
    assert await growing.model.stage_times("default", span) == ()
    depth = await growing.model.queue_depth("default", span)
    assert depth.points
    assert all(point.queued == point.peak_queued == 0 for point in depth.points)
    trends = await growing.model.trends("default", span)
    assert [point.at for point in trends.points] == [point.at for point in depth.points]
    assert sum(point.submitted for point in trends.points) == 0
