"""The reconciler over a log and a queue in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import pytest
from kinolog_projector.dispatch import reconciler as reconciler_module
from kinolog_projector.dispatch.dispatcher import Dispatcher
from kinolog_projector.dispatch.reconciler import Reconciler, UnfinishedJob

from kinolog.ids import new_id
from kinolog.job.commands import Cancel
from kinolog.job.values import Status
from tests.adapters.memory.commit_feed import MemoryCommitFeed
from tests.builders.memory_dispatch import MemoryDispatch
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import WAIT_SECONDS, until_true


@pytest.fixture
def dispatch() -> MemoryDispatch:
    """An empty log and an empty queue."""
    return MemoryDispatch()


async def dispatched(dispatch: MemoryDispatch, job_id: str) -> None:
    """Dispatch all commits of a job, one by one."""
    dispatcher = Dispatcher(MemoryCommitFeed(dispatch.store), dispatch.store, dispatch.issuer, dispatch.clock)
    for recorded in await dispatch.commits(job_id):
        await dispatcher.dispatch([recorded])


def reconciler(
    dispatch: MemoryDispatch,
    *overdue: str,
    missing_streams: Sequence[str] = (),
    looks: list[float] | None = None,
) -> Reconciler:
    """Return a reconciler for which these jobs are overdue, each on a page of its own.

    `looks` gets an entry whenever it looks for the streams.
    """
    missing = list(missing_streams)

    async def unfinished(start: datetime, end: datetime) -> AsyncIterator[Sequence[UnfinishedJob]]:
        assert start <= end == dispatch.now
        for job_id in overdue:
            loaded = await dispatch.store.load(job_id)
            yield [UnfinishedJob(job_id, loaded is not None and loaded.job.status is Status.PROCESSING)]

    async def create_missing_streams() -> list[str]:
        if looks is not None:
            looks.append(time.monotonic())
        created, missing[:] = list(missing), []
        return created

    return Reconciler(
        unfinished,
        dispatch.store,
        dispatch.issuer,
        dispatch.workers,
        dispatch.clock,
        create_missing_streams,
    )


async def test_a_missing_ticket_is_issued_again(dispatch: MemoryDispatch) -> None:
    """A queued job without a ticket gets one; a job that has one, and one that has ended, do not."""
    lost, present, ended = [await dispatch.submit() for _ in range(3)]
    await dispatched(dispatch, present)
    before = dict(dispatch.issuer.queued)
    await dispatch.send(ended, Cancel(id=new_id(), actor="ann"))
    assert await reconciler(dispatch, lost, present, ended, new_id()).reconcile() == [lost]
    assert set(await dispatch.issuer.outstanding()) == {lost, present}
    assert all(dispatch.issuer.queued[key] is entry for key, entry in before.items())


async def test_a_job_of_a_lost_worker_gets_a_ticket(dispatch: MemoryDispatch) -> None:
    """A processing job without a ticket gets one if its worker is not present, and none while it is present."""
    lost, held = await dispatch.submit(), await dispatch.submit()
    await dispatch.start(lost, "worker-1")
    await dispatch.start(held, "worker-2")
    await dispatch.report("worker-2", held)
    assert await reconciler(dispatch, lost, held).reconcile() == [lost]
    ticket = (await dispatch.issuer.outstanding())[lost]
    assert (ticket.attempt, ticket.position) == (1, await dispatch.position(lost))


async def test_a_lost_worker_s_ticket_is_replaced(dispatch: MemoryDispatch) -> None:
    """A ticket that a lost worker held is replaced once: the server may believe for hours that it is held."""
    job_id = await dispatch.submit()
    await dispatched(dispatch, job_id)
    held = await dispatch.issuer.queue().take(["tiny"])
    await dispatch.start(job_id, "worker-1")
    await dispatch.report("worker-1", job_id)
    assert await reconciler(dispatch, job_id).reconcile() == []
    await dispatch.workers.deregister("worker-1")
    assert await reconciler(dispatch, job_id).reconcile() == [job_id]
    assert await reconciler(dispatch, job_id).reconcile() == []
    async with asyncio.timeout(WAIT_SECONDS):
        taken = await dispatch.issuer.queue().take(["tiny"])
    assert (taken.ticket.attempt, taken.deliveries) == (1, 1)
    assert taken.ticket.position > held.ticket.position


async def test_a_clock_that_is_set_back_renews_delayed_tickets(
    dispatch: MemoryDispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server would deliver a delayed ticket as much later: it is issued again. Other tickets stay as they are."""
    monkeypatch.setattr(reconciler_module, "STREAMS_SECONDS", 0.001)
    delayed, waiting = await dispatch.submit(), await dispatch.submit()
    await dispatch.start(delayed)
    await dispatch.crash(delayed)
    for job_id in (delayed, waiting):
        await dispatched(dispatch, job_id)
    before = dict(dispatch.issuer.queued)
    looks: list[float] = []
    running = reconciler(dispatch, delayed, waiting, looks=looks)
    async with background_task(running.run()):
        await until_true(lambda: len(looks) > 2, "the clock was read")
        assert dispatch.issuer.queued == before
        dispatch.now -= timedelta(hours=2)
        await until_true(
            lambda: dispatch.issuer.queued.get((delayed, False)) not in (None, before[delayed, False]),
            "a new ticket",
        )
    assert dispatch.issuer.queued[waiting, False] is before[waiting, False]


async def test_the_queue_is_not_read_when_nothing_is_overdue(
    dispatch: MemoryDispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without overdue jobs the reconciler does not read the queue."""
    monkeypatch.setattr(dispatch.issuer, "outstanding", None)
    assert await reconciler(dispatch).reconcile() == []


async def test_a_stream_that_was_missing_brings_all_tickets_back(dispatch: MemoryDispatch) -> None:
    """When a stream of the queue had to be created, every job gets its ticket without waiting; else none is read."""
    job_ids = [await dispatch.submit() for _ in range(3)]
    restoring = reconciler(dispatch, *job_ids, missing_streams=["WORK"])
    assert await restoring.restore_streams() == job_ids
    assert set(await dispatch.issuer.outstanding()) == set(job_ids)
    await dispatch.issuer.withdraw(job_ids[0])
    assert await restoring.restore_streams() == []
