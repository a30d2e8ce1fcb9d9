"""A projector whose database holds what cannot be right."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from kinolog_projector.projection.projector import Projector
from kinolog_projector.rebuild.rebuild import Rebuild

from kinolog.ports.event_store import DamagedLog
from kinolog.ports.read_model import JobQuery, ReadModelDamaged
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.damage import flip_in_table
from tests.fixtures.waits import until_true
from tests.integration.readmodel_database import projected
from tests.integration.running_projector import Feed, projecting


async def test_a_damaged_page_at_start_ends_the_projector(
    own_postgres_server: PostgresServer, memory_jobs: MemoryJobs
) -> None:
    """The start does not wait for a page that stays damaged: it ends, and names the command to run."""
    url = own_postgres_server.url()
    async with projected(url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    flip_in_table(own_postgres_server, url, "kinolog.log_checkpoint")
    projector = Projector(own_postgres_server.url(), memory_jobs.store, memory_jobs.keys, Feed())
    with pytest.raises(DamagedLog, match=r"the database is damaged.*kinolog restore"):
        async with asyncio.timeout(30):
            await projector.run()


async def test_lists_on_a_damaged_page_say_what_to_do(
    own_postgres_server: PostgresServer, memory_jobs: MemoryJobs
) -> None:
    """A list that cannot be read names the damage; it is neither empty nor an internal error."""
    url = own_postgres_server.url()
    async with projected(url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    flip_in_table(own_postgres_server, url, "projection.jobs")
    model = await PostgresReadModel.connect(own_postgres_server.url(), 2)
    with pytest.raises(ReadModelDamaged, match="kinolog restore"):
        await model.list_jobs("default", JobQuery())
    await model.close()


async def test_read_models_that_contradict_the_log_are_named_until_they_are_rebuilt(
    database_url: str, memory_jobs: MemoryJobs
) -> None:
    """A projector that cannot write says which command helps, and goes on when it was run."""
    job_id = await memory_jobs.submit()
    async with projected(database_url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("UPDATE projection.counters SET jobs = 0")
    async with projecting(database_url, memory_jobs) as projector:
        await until_true(projector.checked.is_set, "the projector leads")
        await memory_jobs.complete(job_id)
        await until_true(lambda: "kinolog projections rebuild" in projector.problem, "the problem is named")
        await Rebuild(database_url, memory_jobs.store, memory_jobs.keys).run()
        last = await memory_jobs.store.last_position()
        await until_true(lambda: projector.position == last, "the projector has caught up")
        assert projector.problem == ""
