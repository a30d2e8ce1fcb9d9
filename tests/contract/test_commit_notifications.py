"""What every commit notifier does. Runs in memory, on one nats-server and on three with three replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from kinolog.adapters.jetstream.log.commit_notifications import JetStreamCommitNotifier
from kinolog.adapters.jetstream.subjects import EVENTS, Service
from kinolog.ids import new_id
from kinolog.job.commands import Reprioritize
from kinolog.job.values import Priority
from kinolog.ports.commit_notifications import CommitNotifier, CommitSubscription
from kinolog.ports.event_store import EventStore
from tests.adapters.memory.commit_notifications import MemoryCommitNotifier
from tests.adapters.memory.event_store import MemoryEventStore
from tests.fixtures.log import (
    KINDS,
    Kind,
    commit_of,
    connected,
    empty_streams,
    given_job,
    open_stores,
    server_of,
)
from tests.fixtures.waits import WAIT_SECONDS

COMMIT_SECONDS = 1.0
"""How long a test waits for a commit that may be missed, before it appends another one."""


@dataclass
class NotifyingLog:
    """An empty log whose commits are notified."""

    log: EventStore
    notifier: CommitNotifier

    async def append(self, job_id: str) -> int:
        """Append a commit to a job. Return its position."""
        loaded = await self.log.load(job_id)
        assert loaded is not None
        other = Priority.LOW if loaded.job.priority is Priority.HIGH else Priority.HIGH
        commit = commit_of(job_id, loaded, Reprioritize(id=new_id(), actor="ann", priority=other))
        return (await self.log.append(commit)).position

    async def received(self, subscription: CommitSubscription, job_id: str, count: int) -> list[int]:
        """The next positions, while commits are appended: a subscription may miss some."""
        positions: list[int] = []
        async with asyncio.timeout(WAIT_SECONDS):
            while len(positions) < count:
                await self.append(job_id)
                position = await subscription.next_position(COMMIT_SECONDS)
                positions += [] if position is None else [position]
        return positions


@pytest.fixture(params=KINDS)
async def notifying(request: pytest.FixtureRequest) -> AsyncIterator[NotifyingLog]:
    """One of the logs with its notifier, as a worker may use it."""
    kind: Kind = request.param
    if kind == "memory":
        memory = MemoryEventStore()
        yield NotifyingLog(memory, MemoryCommitNotifier(memory))
        return
    server = server_of(request, kind)
    await empty_streams(server, [EVENTS])
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(server, Service.API))
        worker = await stack.enter_async_context(connected(server, Service.WORKER))
        yield NotifyingLog(stores.log, JetStreamCommitNotifier(worker))


async def test_positions_of_new_commits_are_received_in_order(notifying: NotifyingLog) -> None:
    """A subscription receives commits that are appended after it, oldest first, and none that is older."""
    job_id = await given_job(notifying.log)
    before = await notifying.log.last_position()
    subscription = await notifying.notifier.subscribe(job_id)
    positions = await notifying.received(subscription, job_id, 3)
    history = [recorded.position async for recorded in notifying.log.history(job_id)]
    assert positions == sorted(set(positions))
    assert set(positions) <= {position for position in history if position > before}
    await subscription.close()


async def test_other_jobs_are_not_received(notifying: NotifyingLog) -> None:
    """A subscription receives the commits of its job only."""
    job_id, other = await given_job(notifying.log), await given_job(notifying.log)
    subscription = await notifying.notifier.subscribe(job_id)
    await notifying.received(subscription, job_id, 1)
    others = {await notifying.append(other) for _ in range(3)}
    last = await notifying.received(subscription, job_id, 1)
    assert others.isdisjoint(last)
    await subscription.close()


async def test_nothing_comes_without_a_commit(notifying: NotifyingLog) -> None:
    """After the timeout `next_position` returns None."""
    subscription = await notifying.notifier.subscribe(await given_job(notifying.log))
    await given_job(notifying.log)
    assert await subscription.next_position(0.05) is None
    await subscription.close()


async def test_closing_twice_does_no_harm(notifying: NotifyingLog) -> None:
    """`close` never raises."""
    subscription = await notifying.notifier.subscribe(await given_job(notifying.log))
    await subscription.close()
    await subscription.close()
