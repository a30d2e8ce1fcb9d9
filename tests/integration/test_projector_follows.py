"""The running projector: it follows the log, stands by, and waits for a database or keys that are unavailable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from kinolog_projector.projection.projector import Projector

from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.read_model import (
    JobFilter,
    JobQuery,
    PositionNotReached,
    ReadModelUnavailable,
)
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.adapters.memory.keys import MemoryKeyStore
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.waits import WAIT_SECONDS, until
from tests.integration.readmodel_database import projected
from tests.integration.running_projector import Feed, projecting


async def test_what_is_appended_can_be_read_at_its_position(
    memory_jobs: MemoryJobs, migrated_database_url: str, read_model: PostgresReadModel
) -> None:
    """A reader that has waited for the position of a commit sees its effect."""
    async with projecting(migrated_database_url, memory_jobs):
        for _ in range(5):
            job_id = await memory_jobs.submit("something new")
            position = await memory_jobs.store.last_position()
            assert await read_model.wait_for(position, WAIT_SECONDS) >= position
            page = await read_model.list_jobs("default", JobQuery(page_size=1))
            assert page.rows[0].id == job_id
            assert page.position >= position


async def test_one_leads_and_another_takes_over(
    memory_jobs: MemoryJobs, migrated_database_url: str, read_model: PostgresReadModel
) -> None:
    """The second projector stands by, is ready, and continues where the first one stopped."""
    async with projecting(migrated_database_url, memory_jobs) as second:
        await read_model.wait_for(await memory_jobs.store.last_position(), WAIT_SECONDS)
        first = second
        async with projecting(migrated_database_url, memory_jobs) as second:
            async with asyncio.timeout(WAIT_SECONDS):
                await second.checked.wait()
            assert (first.leads, second.leads) == (True, False)
            assert second.missing() == []
            await _cut_leader(migrated_database_url)
            await memory_jobs.many(5)
            await read_model.wait_for(await memory_jobs.store.last_position(), WAIT_SECONDS)
            assert second.leads or first.leads
            summary = await read_model.summarize("other", JobFilter())
            assert summary.position == await memory_jobs.store.last_position()


async def test_the_projector_waits_for_a_killed_database(
    memory_jobs: MemoryJobs, own_postgres_server: PostgresServer
) -> None:
    """When Postgres is killed, the projector continues after its restart and misses no commit."""
    url = own_postgres_server.url()
    model = await PostgresReadModel.connect(url, 2)
    async with projecting(url, memory_jobs):
        await model.wait_for(await memory_jobs.store.last_position(), WAIT_SECONDS)
        own_postgres_server.kill()
        await memory_jobs.many(10)
        own_postgres_server.start()
        await _until_reached(model, await memory_jobs.store.last_position())
    await model.close()
    async with projected(url) as database:
        cursor = await database.connection.execute("SELECT count(*), max(position) FROM kinolog.archive")
        last = await memory_jobs.store.last_position()
        assert await cursor.fetchone() == (last, last)


async def _until_reached(model: PostgresReadModel, position: int) -> None:

    async def reached() -> bool:
        try:
            await model.wait_for(position, 5)
        except (ReadModelUnavailable, PositionNotReached):
            return False
        return True

    await until(reached, f"the read model has reached {position}")


async def test_a_cancelled_projector_ends_at_once(
    migrated_database_url: str, read_model: PostgresReadModel, caplog: pytest.LogCaptureFixture
) -> None:
    """A cancellation at any point interrupts no command, and no batch is written in part."""
    memory_jobs = MemoryJobs()
    for number in range(25):
        projector = Projector(
            migrated_database_url, memory_jobs.store, memory_jobs.keys, Feed(), batch_size=20
        )
        running = asyncio.create_task(projector.run())
        async with asyncio.timeout(WAIT_SECONDS):
            await projector.checked.wait()
        await memory_jobs.many(2)
        for _ in range(number * 4):  # turns of the event loop, to stop at another point each time
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(WAIT_SECONDS):
                await running
    assert caplog.messages == []
    async with projecting(migrated_database_url, memory_jobs):
        await read_model.wait_for(await memory_jobs.store.last_position(), WAIT_SECONDS)


async def _cut_leader(migrated_database_url: str) -> None:
    """Terminate the connection of the leader, as a failing network would."""
    async with projected(migrated_database_url) as database:
        await database.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
        )


class UnavailableKeys(MemoryKeyStore):
    """Keys that are unavailable at first."""

    refusals = 2

    async def get_many(self, job_ids: Sequence[str]) -> dict[str, bytes]:
        if self.refusals:
            self.refusals -= 1
            raise LogUnavailable("no answer")
        return await super().get_many(job_ids)


async def test_the_projector_waits_for_unavailable_keys(
    migrated_database_url: str, read_model: PostgresReadModel
) -> None:
    """While keys are unavailable the projector waits: it writes no prompt without its key."""
    memory_jobs = MemoryJobs(keys=UnavailableKeys())
    await memory_jobs.submit("worth waiting for")
    async with projecting(migrated_database_url, memory_jobs):
        await read_model.wait_for(1, WAIT_SECONDS)
    page = await read_model.list_jobs("default", JobQuery())
    assert page.rows[0].prompt == "worth waiting for"
