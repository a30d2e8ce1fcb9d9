"""Conformance of the read models while their log grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from kinolog.job.commands import Cancel, FailAttempt, Pause, Retry
from kinolog.job.interruption import PREEMPTED
from kinolog.job.values import JobError, Priority, Status
from kinolog.ports.read_model import (
    JobFilter,
    JobQuery,
    SortField,
    SortOrder,
)
from tests.builders.memory_jobs import RUNTIME
from tests.contract.read_models import (
    GrowingCase,
    growing_read_model,
)
from tests.fixtures.waits import WAIT_SECONDS


@pytest.fixture(params=["memory", "postgres"])
async def growing(request: pytest.FixtureRequest, migrated_database_url: str) -> AsyncIterator[GrowingCase]:
    """Each read model of an empty log."""
    async with growing_read_model(request.param, migrated_database_url) as made:
        yield made


async def test_a_job_that_is_queued_again_waits_from_then_on(growing: GrowingCase) -> None:
    """After a failed attempt a job comes after those that were queued earlier; other model classes do not count."""
    jobs = growing.jobs
    first, second = await jobs.submit(), await jobs.submit()
    await jobs.fail(first, retryable=True)
    urgent = await jobs.submit(priority=Priority.CRITICAL)
    await growing.project()
    other = await jobs.submit(priority=Priority.CRITICAL, model_class="other")
    await growing.project()
    expected = {urgent: 0, second: 1, first: 2, other: 0}
    assert await growing.model.queue_positions("default", [*expected], jobs.now) == expected


async def test_an_interrupted_job_keeps_its_place_and_a_paused_one_has_none(growing: GrowingCase) -> None:
    """One that was preempted is not behind those that were queued while it was drawn. One that is retried is."""
    jobs = growing.jobs
    every = first, paused, retried, last = [await jobs.submit() for _ in range(4)]
    error = JobError(code=PREEMPTED, message="a critical job", retryable=True)
    for job_id in (first, retried):
        attempt = await jobs.start(job_id, "worker-1", RUNTIME)
        if job_id is retried:
            await jobs.send(job_id, Cancel(id="cancel", actor="ann"))
        failing = FailAttempt(id="fail", actor="worker-1", attempt=attempt, error=error, retry_at=jobs.now)
        await jobs.send(job_id, failing)
    await jobs.send(retried, Retry(id="retry", actor="ann"))
    await jobs.send(paused, Pause(id="pause", actor="ann"))
    await growing.project()
    expected = {first: 0, last: 1, retried: 2}
    assert await growing.model.queue_positions("default", every, jobs.now) == expected
    rows = {row.id: row for row in (await growing.model.list_jobs("default", JobQuery())).rows}
    assert [rows[job_id].paused_at is None for job_id in every] == [True, False, True, True]


async def test_lists_of_what_may_start_now(growing: GrowingCase) -> None:
    """They leave out what is paused, waits for a time, runs or has ended, page after page, and are not counted."""
    jobs = growing.jobs
    at = jobs.now + timedelta(hours=1)
    later, paused, running = [await jobs.submit(start_after=one) for one in (at, None, None)]
    await jobs.send(paused, Pause(id="pause", actor="ann"))
    await jobs.start(running, "worker-1", RUNTIME)
    ready = [await jobs.submit() for _ in range(3)]
    await growing.project()
    for statuses in ((), (Status.QUEUED,)):
        now = JobFilter(statuses=statuses, startable_at=jobs.now)
        first = await growing.model.list_jobs("default", JobQuery(filter=now, page_size=2))
        # The next page is read a moment later.
        moment = replace(now, startable_at=jobs.now + timedelta(seconds=5))
        query = JobQuery(filter=moment, page_size=2, cursor=first.next_cursor)
        second = await growing.model.list_jobs("default", query)
        assert [row.id for row in (*first.rows, *second.rows)] == ready[::-1]
        assert (first.total, second.next_cursor) == (None, "")
        assert (await growing.model.summarize("default", now)).total == 3
        assert await growing.model.select_ids("default", now) == ready
    then = JobQuery(filter=JobFilter(startable_at=at, text="circle"))
    assert [row.id for row in (await growing.model.list_jobs("default", then)).rows] == [*ready[::-1], later]
    running_too = JobFilter(statuses=(Status.PROCESSING,), startable_at=jobs.now)
    assert (await growing.model.list_jobs("default", JobQuery(filter=running_too))).rows == ()


async def test_selections_by_pause_and_erasure(growing: GrowingCase) -> None:
    """Bulk commands leave out by them what they would not change. Such jobs are counted one by one."""
    jobs = growing.jobs
    plain, paused, done, erased = [await jobs.submit() for _ in range(4)]
    await jobs.send(paused, Pause(id="pause", actor="ann"))
    for job_id in (done, erased):
        await jobs.complete(job_id)
    await jobs.erase(erased)
    await growing.project()
    for job_filter, expected in (
        (JobFilter(paused=True), [paused]),
        (JobFilter(paused=False), [plain, done, erased]),
        (JobFilter(erased=True), [erased]),
        (JobFilter(erased=False), [plain, paused, done]),
        (JobFilter(paused=False, erased=False, statuses=(Status.QUEUED,)), [plain]),
    ):
        assert await growing.model.select_ids("default", job_filter) == expected
        assert (await growing.model.summarize("default", job_filter)).total == len(expected)
        page = await growing.model.list_jobs("default", JobQuery(filter=job_filter))
        assert [row.id for row in page.rows] == expected[::-1]


async def test_lists_of_the_variants_of_a_request(growing: GrowingCase) -> None:
    """They have the jobs of one group, in every order and page after page, and are counted."""
    jobs = growing.jobs
    group = f"job{0:023d}"
    first, second, third = [await jobs.submit(variant_of=group, variant=number) for number in (1, 2, 3)]
    await jobs.submit(variant_of="z" * 26, variant=1)
    await jobs.submit()
    await jobs.complete(second)
    await growing.project()
    for descending, expected in ((False, [first, second, third]), (True, [third, second, first])):
        order = SortOrder(SortField.CREATED_AT, descending)
        query = JobQuery(filter=JobFilter(variant_of=group), order=order, page_size=2)
        page = await growing.model.list_jobs("default", query)
        rest = await growing.model.list_jobs("default", replace(query, cursor=page.next_cursor))
        assert [row.id for row in (*page.rows, *rest.rows)] == expected
        assert (page.total, rest.total) == (3, 3)
    queued = JobFilter(variant_of=group, statuses=(Status.QUEUED,))
    assert await growing.model.select_ids("default", queued) == [first, third]
    counts = (await growing.model.summarize("default", JobFilter(variant_of=group))).counts
    assert (counts[Status.QUEUED], counts[Status.COMPLETED]) == (2, 1)
    assert (await growing.model.summarize("other", JobFilter(variant_of=group))).total == 0


async def test_a_job_that_waits_for_a_time_takes_no_place(growing: GrowingCase) -> None:
    """Until its time comes it has no position and is before no other, whatever its priority; then it is the last."""
    jobs = growing.jobs
    at = jobs.now + timedelta(hours=1)
    later = await jobs.submit(start_after=at, start_timeout_seconds=60)
    urgent = await jobs.submit(start_after=at, priority=Priority.CRITICAL)
    first, second = await jobs.submit(), await jobs.submit()
    await growing.project()
    every = [later, urgent, first, second]
    assert await growing.model.queue_positions("default", every, jobs.now) == {first: 0, second: 1}
    assert await growing.model.queue_positions("default", every, at) == {
        urgent: 0,
        first: 1,
        second: 2,
        later: 3,
    }
    assert await growing.model.queue_positions("default", [later], jobs.now) == {}
    (row,) = [row for row in (await growing.model.list_jobs("default", JobQuery())).rows if row.id == later]
    assert (row.start_after, row.start_before) == (at, at + timedelta(seconds=60))


async def test_artifacts_in_use_are_those_of_other_jobs(growing: GrowingCase) -> None:
    """Results and rendered scenes of jobs of any tenant count, except those of the named job and of erased jobs."""
    jobs = growing.jobs
    mine, other, erased = await jobs.submit(), await jobs.submit(tenant="other"), await jobs.submit()
    for job_id in (mine, other, erased):
        await jobs.complete(job_id)
    keys = {job_id: (await jobs.job(job_id)).artifacts[0].key for job_id in (mine, other, erased)}
    await jobs.erase(erased)
    await growing.project()
    requested = [*keys.values(), "sha256/00/none.mp4"]
    assert await growing.model.artifacts_in_use(requested, excluding=mine) == {keys[other]}
    assert await growing.model.artifacts_in_use(requested, excluding="nobody") == {keys[mine], keys[other]}
    assert await growing.model.artifacts_in_use([], excluding=mine) == set()


async def test_waiting_for_a_position_returns_when_it_is_reached(growing: GrowingCase) -> None:
    """A wait for a later position ends once the read model contains it."""
    assert await growing.model.wait_for(0) == 0
    waiting = asyncio.create_task(growing.model.wait_for(1, timeout_seconds=WAIT_SECONDS))
    await asyncio.sleep(0)
    await growing.jobs.submit()
    await growing.project()
    assert await waiting >= 1
    assert await growing.model.position() == await growing.jobs.store.last_position()


async def test_an_empty_read_model_answers(growing: GrowingCase) -> None:
    """Before the first commit every list is empty, and the position is 0."""
    page = await growing.model.list_jobs("default", JobQuery())
    assert (page.rows, page.next_cursor, page.total, page.position) == ((), "", 0, 0)
    assert (await growing.model.summarize("default", JobFilter())).total == 0
    assert await growing.model.select_ids("default", JobFilter()) == []
    assert await growing.model.list_activity("default") == ()
    assert await growing.model.position() == 0
