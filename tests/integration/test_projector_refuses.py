"""Logs that the projector refuses to follow, and databases of another version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta

import pytest
from kinolog_projector.projection.projector import Projector
from kinolog_projector.schema.revision import WrongSchema

from kinolog.job.commit import RecordedCommit
from kinolog.ports.event_store import DamagedLog
from kinolog.readmodel.postgres import PostgresReadModel
from tests.adapters.memory.event_store import MemoryEventStore
from tests.builders.memory_jobs import START, MemoryJobs
from tests.fixtures.waits import WAIT_SECONDS
from tests.integration.readmodel_database import migrate, projected
from tests.integration.running_projector import Feed


async def test_a_log_that_lost_its_end_stops_the_projector(
    memory_jobs: MemoryJobs, migrated_database_url: str, read_model: PostgresReadModel
) -> None:
    """A log that ends before the archive is not followed; the message names the command to run."""
    async with projected(migrated_database_url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    shorter = MemoryJobs()
    await shorter.many(3)
    projector = Projector(migrated_database_url, shorter.store, shorter.keys, Feed())
    with pytest.raises(DamagedLog, match=r"has lost its end.*restore"):
        async with asyncio.timeout(WAIT_SECONDS):
            await projector.run()


async def test_another_log_stops_the_projector(
    memory_jobs: MemoryJobs, migrated_database_url: str, read_model: PostgresReadModel
) -> None:
    """A log that holds another commit where the archive ends is not followed."""
    async with projected(migrated_database_url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    other = MemoryJobs(now=START + timedelta(days=1))
    await other.many(30)
    projector = Projector(migrated_database_url, other.store, other.keys, Feed())
    with pytest.raises(DamagedLog, match="another commit"):
        async with asyncio.timeout(WAIT_SECONDS):
            await projector.run()


class StoreWithGap(MemoryEventStore):
    """A log from which one commit is missing."""

    async def follow(self, after: int) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        async for batch in super().follow(after):
            yield [recorded for recorded in batch if recorded.position != 7]


async def test_a_gap_in_the_log_stops_the_projector(
    migrated_database_url: str, read_model: PostgresReadModel
) -> None:
    """A missing commit stops the projector; it is not skipped."""
    memory_jobs = MemoryJobs(store=StoreWithGap())
    await memory_jobs.many(10)
    projector = Projector(migrated_database_url, memory_jobs.store, memory_jobs.keys, Feed())
    with pytest.raises(DamagedLog, match="from position 6 to 8"):
        async with asyncio.timeout(WAIT_SECONDS):
            await projector.run()
    assert await read_model.position() == 0


async def test_a_database_that_was_not_migrated_is_refused(
    memory_jobs: MemoryJobs, database_url: str
) -> None:
    """The projector refuses a database of another version, and names the command to run."""
    projector = Projector(database_url, memory_jobs.store, memory_jobs.keys, Feed())
    with pytest.raises(WrongSchema, match="kinolog-projector migrate"):
        async with asyncio.timeout(WAIT_SECONDS):
            await projector.run()
    await migrate(database_url)
    async with projected(database_url) as database:
        await database.connection.execute("UPDATE projection.checkpoint SET projection_version = 0")
    with pytest.raises(WrongSchema, match="kinolog-projector rebuild"):
        async with asyncio.timeout(WAIT_SECONDS):
            await projector.run()
