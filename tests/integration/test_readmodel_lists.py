"""Lists against what sorting all jobs in memory gives: every order, filter, direction and way of paging."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from kinolog.job.state import Job
from kinolog.job.values import Priority, Status
from kinolog.ports.read_model import InvalidCursor, JobFilter, JobQuery, JobRow, SortField, SortOrder
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog.readmodel.queries import job_list
from tests.builders.memory_jobs import START, MemoryJobs
from tests.integration.readmodel_database import projected

FILTERS = [
    JobFilter(),
    JobFilter(statuses=(Status.QUEUED,)),
    JobFilter(statuses=(Status.COMPLETED, Status.FAILED, Status.CANCELLED)),
    JobFilter(statuses=tuple(Status)),
    JobFilter(priorities=(Priority.CRITICAL, Priority.LOW)),
    JobFilter(statuses=(Status.QUEUED, Status.PROCESSING), styles=("cinematic",)),
    JobFilter(models=("kinolog-tiny",), priorities=(Priority.HIGH,)),
    JobFilter(models=("no-such-model",)),
    JobFilter(created_from=START + timedelta(seconds=333), created_before=START + timedelta(seconds=1700)),
    JobFilter(created_from=START + timedelta(seconds=700), statuses=(Status.FAILED, Status.QUEUED)),
    JobFilter(created_before=START - timedelta(days=1)),
    JobFilter(text="RED kite"),
    JobFilter(text="blue", statuses=(Status.COMPLETED, Status.QUEUED)),
    JobFilter(text="100%_\\"),
    JobFilter(text="000000000012"),
]
ORDERS = [SortOrder(field, descending) for field in SortField for descending in (True, False)]


@dataclass(frozen=True, slots=True)
class Known:
    """A job, its number, and its prompt."""

    job: Job
    number: int
    prompt: str


@dataclass(frozen=True, slots=True)
class ListedJobs:
    """A read model, and what it must answer."""

    read_model: PostgresReadModel
    known: list[Known]
    position: int

    def expected(self, wanted: JobFilter, order: SortOrder) -> list[str]:
        """Ids in order, found by looking at every job."""
        found = [one for one in self.known if one.job.tenant == "default" and _matches(one, wanted)]
        key = _KEYS[order.field]
        found.sort(key=lambda one: (key(one.job), one.number), reverse=order.descending)
        return [one.job.id for one in found]


def _matches(one: Known, wanted: JobFilter) -> bool:
    job = one.job
    return (
        (not wanted.statuses or job.status in wanted.statuses)
        and (not wanted.priorities or job.priority in wanted.priorities)
        and (not wanted.models or job.spec.model in wanted.models)
        and (not wanted.styles or job.spec.style in wanted.styles)
        and (wanted.created_from is None or job.created_at >= wanted.created_from)
        and (wanted.created_before is None or job.created_at < wanted.created_before)
        and (wanted.text.lower() in one.prompt.lower() or wanted.text.lower() in job.id)
    )


def _duration(job: Job) -> float:
    if job.started_at is None or job.finished_at is None:
        return -1.0
    return (job.finished_at - job.started_at).total_seconds()


_KEYS: dict[SortField, Callable[[Job], object]] = {
    SortField.CREATED_AT: lambda job: job.created_at,
    SortField.UPDATED_AT: lambda job: job.updated_at,
    SortField.PROGRESS: lambda job: 100.0 if job.status is Status.COMPLETED else 0.0,
    SortField.DURATION: _duration,
    SortField.PRIORITY: lambda job: 3 - job.priority.rank,
}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[ListedJobs]:
    """Some two hundred jobs of two tenants, in every status."""
    memory_jobs = MemoryJobs()
    await memory_jobs.many(220)
    async with projected(database_url) as database:
        position = await database.catch_up(memory_jobs.store, memory_jobs.keys, batch_size=97)
    known = []
    for job_id in memory_jobs.job_ids:
        loaded = await memory_jobs.store.load(job_id)
        assert loaded is not None
        history = [recorded async for recorded in memory_jobs.store.history(job_id)]
        prompt = "" if loaded.job.erased else await memory_jobs.prompt(job_id)
        known.append(Known(loaded.job, history[0].position, prompt))
    read_model = await PostgresReadModel.connect(database_url, 2)
    yield ListedJobs(read_model, known, position)
    await read_model.close()


@pytest.mark.parametrize("deep", [False, True], ids=["walking", "by-counters"])
async def test_every_page_of_every_list_is_right(
    world: ListedJobs, deep: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cursor by cursor and offset by offset, lists hold the jobs that a look at all jobs finds."""
    if deep:
        monkeypatch.setattr(job_list, "SHALLOW_OFFSET", 0)
    for wanted in FILTERS:
        for order in ORDERS:
            expected = world.expected(wanted, order)
            assert await _by_cursor(world, wanted, order) == expected, (wanted, order)
            for offset in {1, 10, len(expected) // 2, len(expected) - 1, len(expected), 9_999}:
                query = JobQuery(filter=wanted, order=order, page_size=7, offset=max(0, offset))
                page = await world.read_model.list_jobs("default", query)
                assert [row.id for row in page.rows] == expected[max(0, offset) :][:7], (query,)


async def _by_cursor(world: ListedJobs, wanted: JobFilter, order: SortOrder) -> list[str]:
    """All pages one behind the other; the total that each gives is checked on the way."""
    found: list[str] = []
    cursor = ""
    while True:
        query = JobQuery(filter=wanted, order=order, page_size=40, cursor=cursor)
        page = await world.read_model.list_jobs("default", query)
        assert page.position == world.position
        assert page.total == (None if wanted.text else len(world.expected(wanted, order)))
        found += [row.id for row in page.rows]
        cursor = page.next_cursor
        if not cursor:
            return found


async def test_summaries_count_what_lists_hold(world: ListedJobs) -> None:
    """A summary by status says how many jobs of each the list with the same filter has."""
    for wanted in FILTERS:
        expected = world.expected(wanted, SortOrder())
        summary = await world.read_model.summarize("default", wanted)
        by_id = {one.job.id: one.job for one in world.known}
        assert summary.total == len(expected), wanted
        for status in Status:
            assert summary.counts[status] == sum(by_id[i].status is status for i in expected), wanted


async def test_a_selection_is_the_oldest_that_match(world: ListedJobs) -> None:
    """Bulk commands get ids oldest first, at most as many as they ask for."""
    for wanted in FILTERS:
        expected = world.expected(wanted, SortOrder(SortField.CREATED_AT, descending=False))
        assert await world.read_model.select_ids("default", wanted, 5) == expected[:5]


async def test_rows_say_what_the_jobs_say(world: ListedJobs) -> None:
    """A row of a list has the job's facts, its prompt in the clear, and nothing of it once it is erased."""
    page = await world.read_model.list_jobs("default", JobQuery(page_size=1_000))
    known = {one.job.id: one for one in world.known}
    for row in page.rows:
        one = known[row.id]
        job = one.job
        assert (row.status, row.priority, row.attempt, row.worker) == (
            job.status,
            job.priority,
            job.attempt,
            job.worker,
        )
        assert (row.prompt, row.erased) == (one.prompt, job.erased)
        assert (row.artifacts, row.media, row.error) == (job.artifacts, job.media, job.error)
        assert (row.created_at, row.started_at, row.finished_at) == (
            job.created_at,
            job.started_at,
            job.finished_at,
        )
        assert (row.stage, row.version) == (job.stages[-1].stage if job.stages else None, job.version)


@pytest.mark.parametrize("cursor", ["x", "!!", "e30", "WzEsMiwzXQ", "bnVsbA"])
async def test_a_cursor_that_no_page_gave_out_is_refused(world: ListedJobs, cursor: str) -> None:
    """Damaged cursors, and those of another list, are told apart from good ones."""
    with pytest.raises(InvalidCursor):
        await world.read_model.list_jobs("default", JobQuery(cursor=cursor))
    page = await world.read_model.list_jobs("default", JobQuery(page_size=2))
    with pytest.raises(InvalidCursor):
        await world.read_model.list_jobs("other", JobQuery(cursor=page.next_cursor))


async def test_queue_positions_count_who_is_served_first(world: ListedJobs) -> None:
    """Jobs in the queue are numbered by urgency, then by how long they wait."""
    waiting = [one for one in world.known if one.job.status is Status.QUEUED]
    queued_at = {
        row.id: row.queued_at for tenant in ("default", "other") for row in await _all(world, tenant)
    }
    waiting.sort(key=lambda one: (one.job.priority.rank, queued_at[one.job.id], one.number))
    for place, one in enumerate(waiting[:30]):
        assert await world.read_model.queue_position(one.job.id) == place
    ended = next(one for one in world.known if one.job.status.terminal)
    assert await world.read_model.queue_position(ended.job.id) is None


async def _all(world: ListedJobs, tenant: str) -> tuple[JobRow, ...]:
    return (await world.read_model.list_jobs(tenant, JobQuery(page_size=1_000))).rows
