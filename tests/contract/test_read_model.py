"""Conformance of the read models: lists, feeds and positions. Charts are in test_read_model_charts.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, fields
from datetime import timedelta

import pytest

from kinolog.job.names import stored_name
from kinolog.job.state import Job, ListedFields
from kinolog.job.values import Priority, Status
from kinolog.ports.progress import LogLevel
from kinolog.ports.read_model import (
    ActivityRow,
    InvalidCursor,
    JobFilter,
    JobQuery,
    JobRow,
    PositionNotReached,
    SortField,
    SortOrder,
)
from kinolog.readmodel.queries import job_counts, job_list
from kinolog.scheduling.lane_choice import WEIGHTS, LaneChoice
from tests.builders.memory_jobs import START
from tests.contract.read_models import (
    QUEUE_AT,
    Kind,
    KnownJob,
    KnownLog,
    ReadModelCase,
    fill_database,
    make_log,
    read_model_of,
)
from tests.fixtures.servers import NewDatabase

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
PAGE_SIZE = 40


def _duration(job: Job) -> float:
    """Return how long a job ran: its attempts together; -1 before its end, and if it never started."""
    if job.finished_at is None or not job.attempts:
        return -1.0
    return sum((one.ended_at - one.started_at).total_seconds() for one in job.attempts if one.ended_at)


_KEYS: dict[SortField, Callable[[Job], object]] = {
    SortField.CREATED_AT: lambda job: job.created_at,
    SortField.UPDATED_AT: lambda job: job.updated_at,
    SortField.PROGRESS: lambda job: 100.0 if job.status is Status.COMPLETED else 0.0,
    SortField.DURATION: _duration,
    SortField.PRIORITY: lambda job: -job.priority.rank,
}


def _matches(one: KnownJob, job_filter: JobFilter) -> bool:
    job, text = one.job, job_filter.text.lower()
    return (
        (not job_filter.statuses or job.status in job_filter.statuses)
        and (not job_filter.priorities or job.priority in job_filter.priorities)
        and (not job_filter.models or job.spec.model in job_filter.models)
        and (not job_filter.styles or job.spec.style in job_filter.styles)
        and (job_filter.created_from is None or job.created_at >= job_filter.created_from)
        and (job_filter.created_before is None or job.created_at < job_filter.created_before)
        and (text in one.prompt.lower() or text in job.id)
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """The lists of a log, found by sorting all of its jobs."""

    log: KnownLog

    def ids(self, job_filter: JobFilter, order: SortOrder) -> list[str]:
        """Return the ids of a list, in order."""
        jobs = [
            one
            for one in self.log.known.values()
            if one.job.tenant == "default" and _matches(one, job_filter)
        ]
        key = _KEYS[order.field]
        jobs.sort(key=lambda one: (key(one.job), one.number), reverse=order.descending)
        return [one.job.id for one in jobs]


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


@pytest.fixture(params=["memory", "postgres", "postgres, offsets by counters, texts common"])
async def case(
    request: pytest.FixtureRequest, log: KnownLog, filled_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ReadModelCase]:
    """Each read model of the log."""
    if "counters" in request.param:
        monkeypatch.setattr(job_list, "SHALLOW_OFFSET", 0)
        monkeypatch.setattr(job_counts, "MANY_CANDIDATES", 0)
    kind: Kind = "memory" if request.param == "memory" else "postgres"
    async with read_model_of(log, kind, filled_url) as made:
        yield made


@pytest.mark.parametrize("job_filter", FILTERS)
async def test_every_page_of_every_list_is_right(case: ReadModelCase, job_filter: JobFilter) -> None:
    """Cursor by cursor and at any offset, in every order, a list holds the jobs that sorting all jobs gives."""
    for order in ORDERS:
        expected = Expected(case.log).ids(job_filter, order)
        assert await _all_pages(case, job_filter, order, len(expected)) == expected, order
        for offset in {1, 10, len(expected) // 2, len(expected) - 1, len(expected), 9_999}:
            query = JobQuery(filter=job_filter, order=order, page_size=7, offset=max(0, offset))
            page = await case.model.list_jobs("default", query)
            assert [row.id for row in page.rows] == expected[query.offset :][:7], query


async def _all_pages(case: ReadModelCase, job_filter: JobFilter, order: SortOrder, jobs: int) -> list[str]:
    """Return the ids of all pages, cursor by cursor, and check the total and position of each page."""
    ids: list[str] = []
    cursor = ""
    while True:
        query = JobQuery(filter=job_filter, order=order, page_size=PAGE_SIZE, cursor=cursor)
        page = await case.model.list_jobs("default", query)
        assert page.position == case.log.position
        assert page.total == (None if job_filter.text else jobs)
        ids += [row.id for row in page.rows]
        cursor = page.next_cursor
        if not cursor:
            return ids


async def test_summaries_count_the_jobs_of_the_list(case: ReadModelCase) -> None:
    """A summary counts the jobs of the list with the same filter, by status; every status is present."""
    for job_filter in FILTERS:
        jobs = [case.log.known[job_id].job for job_id in Expected(case.log).ids(job_filter, SortOrder())]
        summary = await case.model.summarize("default", job_filter)
        assert summary.position == case.log.position
        assert summary.total == len(jobs), job_filter
        assert summary.counts == {status: sum(job.status is status for job in jobs) for status in Status}


async def test_a_selection_holds_the_oldest_that_match(case: ReadModelCase) -> None:
    """Bulk commands get ids oldest first, at most as many as requested."""
    for job_filter in FILTERS:
        expected = Expected(case.log).ids(job_filter, SortOrder(SortField.CREATED_AT, descending=False))
        assert await case.model.select_ids("default", job_filter, 5) == expected[:5]


async def test_rows_have_the_fields_of_the_job(case: ReadModelCase) -> None:
    """A row has the listed fields of its job, and the prompt in plain text, which is empty once it is erased."""
    rows = await _all_rows(case, "default")
    assert len(rows) == len(Expected(case.log).ids(JobFilter(), SortOrder()))
    for row in rows:
        one = case.log.known[row.id]
        job, spec = one.job, one.job.spec
        for listed in fields(ListedFields):
            assert getattr(row, listed.name) == getattr(job, listed.name), listed.name
        for name in (
            "model",
            "model_class",
            "width",
            "height",
            "frames",
            "fps",
            "steps",
            "guidance",
            "seed",
            "style",
        ):
            assert getattr(row, name) == getattr(spec, name), name
        assert (row.prompt, row.negative_prompt, row.worker) == (one.prompt, "", job.worker)
        assert row.stage == (job.stages[-1].stage if job.stages else None)
        assert (row.percent, row.eta_seconds) == (job.last_percent, None)
        assert row.run_seconds == job.run_seconds
        assert row.scene == job.scene
        assert (row.scene_count, row.scenes_rendered) == (
            len(job.scenes),
            len(job.scenes) - len(job.pending_scenes),
        )
        commits = [recorded for recorded in case.log.commits if recorded.commit.job_id == row.id]
        assert row.position == commits[-1].position


async def test_tenants_see_their_own_jobs_only(case: ReadModelCase) -> None:
    """Lists, summaries and selections of a tenant hold none of another's jobs."""
    for tenant in ("default", "other", "nobody"):
        ids = {one.job.id for one in case.log.known.values() if one.job.tenant == tenant}
        assert {row.id for row in await _all_rows(case, tenant)} == ids
        assert (await case.model.summarize(tenant, JobFilter())).total == len(ids)
        assert set(await case.model.select_ids(tenant, JobFilter())) == ids


async def _all_rows(case: ReadModelCase, tenant: str) -> tuple[JobRow, ...]:
    return (await case.model.list_jobs(tenant, JobQuery(page_size=1_000))).rows


@pytest.mark.parametrize("cursor", ["x", "!!", "e30", "WzEsMiwzXQ", "bnVsbA"])
async def test_a_damaged_cursor_is_refused(case: ReadModelCase, cursor: str) -> None:
    """A cursor that no page returned raises `InvalidCursor`."""
    with pytest.raises(InvalidCursor):
        await case.model.list_jobs("default", JobQuery(cursor=cursor))


async def test_a_cursor_of_another_list_is_refused(case: ReadModelCase) -> None:
    """A cursor is valid for the same tenant, filter and order only."""
    cursor = (await case.model.list_jobs("default", JobQuery(page_size=2))).next_cursor
    with pytest.raises(InvalidCursor):
        await case.model.list_jobs("other", JobQuery(cursor=cursor))
    with pytest.raises(InvalidCursor):
        await case.model.list_jobs("default", JobQuery(filter=JobFilter(text="kite"), cursor=cursor))
    with pytest.raises(InvalidCursor):
        await case.model.list_jobs("default", JobQuery(order=SortOrder(SortField.DURATION), cursor=cursor))


async def test_queue_positions_have_the_order_of_the_queue(case: ReadModelCase) -> None:
    """A tenant's queued jobs of a model class start in the order in which a worker's lanes take their turns."""
    queued_at = {row.id: row.queued_at for row in await _all_rows(case, "default")}
    every = [one for one in case.log.known.values() if one.job.status is Status.QUEUED]
    foreign = {one.job.id for one in every} - set(queued_at)
    queued = [one for one in every if one.job.id in queued_at]
    queued.sort(key=lambda one: (queued_at[one.job.id], one.number))
    lanes = {
        priority.value: [one.job.id for one in queued if one.job.priority is priority]
        for priority in Priority
    }
    assert all((*lanes.values(), foreign))
    choice, order = LaneChoice({lane: WEIGHTS[lane] for lane in lanes}), []
    while any(lanes.values()):
        lane = next(lane for lane in choice.order(0.0) if lanes[lane])
        choice.record_served(lane, 0.0)
        order.append(lanes[lane].pop(0))
    ended = [one.job.id for one in case.log.known.values() if one.job.status.terminal]
    positions = await case.model.queue_positions("default", [*order, *foreign, *ended, "nobody"], QUEUE_AT)
    assert positions == {job_id: position for position, job_id in enumerate(order)}
    assert await case.model.queue_positions("default", order[3:4], QUEUE_AT) == {order[3]: 3}


async def test_activity_lists_what_users_read(case: ReadModelCase) -> None:
    """The feed of a tenant, newest first, holds its submissions, attempts, commands and ends, and no stages."""
    entries = await case.model.list_activity("default", limit=10_000)
    expected = [
        ActivityRow(
            position=recorded.position,
            index=index,
            job_id=recorded.commit.job_id,
            event=stored_name(type(event)),
            actor=recorded.commit.command.actor,
            at=event.at,
        )
        for recorded in case.log.of_tenant()
        for index, event in enumerate(recorded.commit.events)
    ]
    quiet = {"queued", "storyboard_planned", "stage_started", "stage_finished", "scene_rendered"}
    assert list(entries) == [entry for entry in reversed(expected) if entry.event not in quiet]


async def test_activity_pages_never_split_a_commit(case: ReadModelCase) -> None:
    """Pages by position hold every entry once, whatever their size; a commit is on one page."""
    whole = await case.model.list_activity("default", limit=10_000)
    for limit in (3, 7):
        paged: list[ActivityRow] = []
        before = None
        while page := await case.model.list_activity("default", before, limit):
            assert len(page) <= limit
            paged += page
            before = page[-1].position
        assert paged == list(whole)


async def test_log_lines_are_oldest_first(case: ReadModelCase) -> None:
    """The last lines, or the first after a sequence; from a severity on; of one job."""
    job_id, lines = case.log.job_with_lines, tuple(case.log.lines)
    assert await case.model.list_log_entries("default", job_id) == lines
    assert await case.model.list_log_entries("default", job_id, limit=2) == lines[-2:]
    assert await case.model.list_log_entries("default", job_id, limit=2, after_sequence=1) == lines[1:3]
    assert await case.model.list_log_entries("default", job_id, after_sequence=2**63 - 1) == ()
    severe = await case.model.list_log_entries("default", job_id, min_level=LogLevel.WARNING)
    assert [line.sequence for line in severe] == [2, 4]
    assert await case.model.list_log_entries("default", "nobody") == ()
    assert await case.model.list_log_entries("other", job_id) == ()


async def test_the_archive_holds_the_commits_of_a_job(case: ReadModelCase) -> None:
    """Bytes and digest of every commit of the job, oldest first."""
    for job_id in list(case.log.known)[:5]:
        archived = await case.model.archived_commits(job_id)
        expected = [one for one in case.log.commits if one.commit.job_id == job_id]
        assert [(one.position, one.job_id, one.raw, one.digest) for one in archived] == [
            (one.position, job_id, one.raw, one.digest) for one in expected
        ]
    assert list(await case.model.archived_commits("nobody")) == []


async def test_the_archive_knows_the_tails_of_jobs(case: ReadModelCase) -> None:
    """The position of the last commit of each job that is known; the others are left out."""
    tails = {one.commit.job_id: one.position for one in case.log.commits}
    some = list(tails)[:7]
    found = await case.model.archived_tails([*some, "nobody"])
    assert found == {job_id: tails[job_id] for job_id in some}
    assert await case.model.archived_tails([]) == {}


async def test_the_row_of_a_job_is_that_of_the_lists(case: ReadModelCase) -> None:
    """The same row; None for an unknown job and for one of another tenant."""
    for row in (await case.model.list_jobs("default", JobQuery(page_size=20))).rows:
        assert await case.model.job_row("default", row.id) == row
        assert await case.model.job_row("other", row.id) is None
    assert await case.model.job_row("default", "nobody") is None


async def test_waiting_for_a_position_that_does_not_come(case: ReadModelCase) -> None:
    """Waits time out with the required and the reached position."""
    reached = await case.model.position()
    assert reached == case.log.position
    assert await case.model.wait_for(reached) == reached
    waits = [case.model.wait_for(reached + 1, 0.2) for _ in range(50)]
    for outcome in await asyncio.gather(*waits, return_exceptions=True):
        assert isinstance(outcome, PositionNotReached)
        assert (outcome.required, outcome.reached) == (reached + 1, reached)
