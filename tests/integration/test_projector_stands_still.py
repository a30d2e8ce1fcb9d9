"""A projector that is behind the log and does not move is named and starts again inside its process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest
from kinolog_projector.projection import projector as module
from kinolog_projector.projection import uninterrupted

from kinolog.job.commit import RecordedCommit
from kinolog.process.backoff import Backoff
from kinolog.process.probe import metrics_text
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.adapters.memory.event_store import MemoryEventStore
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.programs import frozen
from tests.fixtures.waits import until_true
from tests.integration.running_projector import projecting


class StuckStore(MemoryEventStore):
    """A log whose first follower yields nothing, and loses a cancellation."""

    follows = 0

    async def follow(self, after: int) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        self.follows += 1
        if self.follows == 1:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.Event().wait()
        async for batch in super().follow(after):
            yield batch


async def test_a_projection_that_stands_still_is_started_again(
    migrated_database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The standstill is logged and counted, a new reader catches up, and the problem is over."""
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(module, "STANDSTILL", Backoff(first_seconds=0.5, longest_seconds=5.0))
    memory_jobs = MemoryJobs()
    store = StuckStore()
    memory_jobs.store = store
    memory_jobs.handler = type(memory_jobs.handler)(store, lambda: memory_jobs.now)
    async with projecting(migrated_database_url, memory_jobs, store=store) as projector:
        await until_true(lambda: store.follows, "the log is followed")
        for number in range(3):
            await memory_jobs.submit(f"prompt {number}")
        last = await store.last_position()
        await until_true(lambda: projector.position == last, "the projector has caught up")
        await until_true(lambda: not projector.missing(), "no problem is left")
        assert projector.restarts >= 1
        assert not projector.standstill
        assert f"kinolog_projector_log_position {last}\n" in metrics_text(projector.metrics())
    assert "the read models stand still at position 0" in caplog.text


async def test_a_frozen_database_is_left_and_found_again(
    own_postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that Postgres does not answer is given up, the problem is named, and later nothing is missing."""
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(module, "STANDSTILL", Backoff(first_seconds=0.5, longest_seconds=5.0))
    monkeypatch.setattr(uninterrupted, "MAX_WAIT_SECONDS", 0.1)
    url = own_postgres_server.url()
    memory_jobs = MemoryJobs()
    await memory_jobs.many(3)
    async with projecting(url, memory_jobs) as projector:
        first = await memory_jobs.store.last_position()
        await until_true(lambda: projector.position == first, "the projector has caught up")
        assert own_postgres_server.child is not None
        with frozen(own_postgres_server.child.pid):
            await memory_jobs.many(3)
            await until_true(lambda: projector.restarts, "the standstill is seen")
            assert projector.missing()
        last = await memory_jobs.store.last_position()
        await until_true(lambda: projector.position == last, "the projector has caught up again")
