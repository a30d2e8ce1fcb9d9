"""WatchBroadcast: no reader that does not end, and no log that does not answer, holds up a watcher."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

import pytest
from kinolog_api.watch.watcher import WatchFilter

from kinolog.job.commit import RecordedCommit
from kinolog.process.standstill import Standstill
from tests.unit.api.test_broadcast import ALL, BroadcastHarness

JOB = WatchFilter(tenant="default", job_id="0" * 26)


@pytest.fixture
async def harness() -> AsyncIterator[BroadcastHarness]:
    """A broadcast over memory."""
    harness = BroadcastHarness()
    yield harness
    await harness.broadcast.close()


async def test_a_reader_that_loses_its_cancellation_delays_nobody(
    harness: BroadcastHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next watcher attaches at once, and receives what follows, while the last reader has not ended."""
    follow, lost, release = harness.store.follow, asyncio.Event(), asyncio.Event()

    async def deaf(after: int) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                lost.set()
        if after < 0:
            yield []  # a generator

    monkeypatch.setattr(harness.store, "follow", deaf)
    first = await harness.broadcast.attach(JOB)
    await asyncio.sleep(0)
    harness.broadcast.detach(first)
    await lost.wait()
    monkeypatch.setattr(harness.store, "follow", follow)
    watcher = await harness.broadcast.attach(ALL)
    await harness.submit()
    assert [message.position for message in await harness.received(watcher, 1)] == [1]
    release.set()


async def test_a_log_that_does_not_answer_delays_only_who_asks_it(
    harness: BroadcastHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watcher that waits for the end of the log holds up neither the next one nor the close."""
    last_position, asked = harness.store.last_position, asyncio.Event()

    async def silent() -> int:
        asked.set()
        return await asyncio.Event().wait() or 0

    monkeypatch.setattr(harness.store, "last_position", silent)
    waiting = asyncio.create_task(harness.broadcast.attach(JOB))
    await asked.wait()
    monkeypatch.setattr(harness.store, "last_position", last_position)
    watcher = await harness.broadcast.attach(ALL)
    await harness.submit()
    assert len(await harness.received(watcher, 1)) == 1
    waiting.cancel()


async def test_what_an_old_reader_still_brings_is_dropped(
    harness: BroadcastHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that a reader holds when the last watcher leaves reaches no later watcher, and moves no position."""
    get_many, unsealing, proceed = harness.keys.get_many, asyncio.Event(), asyncio.Event()

    async def slowly(key_ids: Any) -> dict[str, bytes]:
        unsealing.set()
        while not proceed.is_set():
            try:
                await proceed.wait()
            except asyncio.CancelledError:
                continue
        return await get_many(key_ids)

    monkeypatch.setattr(harness.keys, "get_many", slowly)
    first = await harness.broadcast.attach(ALL)
    await harness.submit()
    await unsealing.wait()
    harness.broadcast.detach(first)
    later = await harness.broadcast.attach(ALL)
    position = harness.broadcast.position
    proceed.set()
    await harness.submit()
    assert position == 1
    assert [message.position for message in await harness.received(later, 1)] == [2]


async def test_readers_that_stand_still_are_started_again(
    harness: BroadcastHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the log moves and the readers do not, a problem is named and they are started again: nothing is lost."""
    monkeypatch.setattr(harness.broadcast, "_standstill", Standstill(1e-9))
    follow, reads = harness.store.follow, asyncio.Event()

    async def stuck(after: int) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        reads.set()
        await asyncio.Event().wait()
        yield []

    monkeypatch.setattr(harness.store, "follow", stuck)
    watcher = await harness.broadcast.attach(ALL)
    await reads.wait()
    await harness.submit()
    monkeypatch.setattr(harness.store, "follow", follow)
    for _ in range(2):
        harness.broadcast.observe(1)
    assert "stand still at position 0, the log is at 1" in harness.broadcast.problem
    assert [message.position for message in await harness.received(watcher, 1)] == [1]
    harness.broadcast.observe(1)
    assert harness.broadcast.restarts == 1
    assert not harness.broadcast.problem
