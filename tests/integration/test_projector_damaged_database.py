"""A projector whose database holds what cannot be right."""

from __future__ import annotations

import asyncio
import re

import psycopg
import pytest
from kinolog_projector.erasure.key_audit import KeyAudit
from kinolog_projector.erasure.scrub import Scrub
from kinolog_projector.projection.projector import Projector
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.rebuild.rebuild import Rebuild
from kinolog_projector.schema.database_damage import DatabaseDamageAlarm

from kinolog.ports.alarms import DATABASE_DAMAGED, Alarm
from kinolog.ports.event_store import DamagedLog
from kinolog.ports.read_model import JobQuery, ReadModelDamaged
from kinolog.readmodel.database import writer_connection
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.adapters.memory.alarms import MemoryAlarms
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.damage import flip_in_table
from tests.fixtures.master_key import MASTER_KEYS
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import WAIT_SECONDS, until, until_true
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
        async with asyncio.timeout(WAIT_SECONDS):
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
    migrated_database_url: str, memory_jobs: MemoryJobs
) -> None:
    """A projector that cannot write says which command helps, and goes on when it was run."""
    job_id = await memory_jobs.submit()
    async with projected(migrated_database_url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    async with await psycopg.AsyncConnection.connect(migrated_database_url, autocommit=True) as connection:
        await connection.execute("UPDATE projection.counters SET jobs = 0")
    async with projecting(migrated_database_url, memory_jobs) as projector:
        await until_true(projector.checked.is_set, "the projector leads")
        await memory_jobs.complete(job_id)
        await until_true(lambda: "kinolog projections rebuild" in projector.problem, "the problem is named")
        await Rebuild(migrated_database_url, memory_jobs.store, memory_jobs.keys).run()
        last = await memory_jobs.store.last_position()
        await until_true(lambda: projector.position == last, "the projector has caught up")
        assert projector.problem == ""


async def test_damaged_read_models_are_mended_while_the_projector_runs(
    own_postgres_server: PostgresServer, memory_jobs: MemoryJobs
) -> None:
    """The problem names the index and the command that needs no stop, and it ends when the command was run."""
    async with projected(own_postgres_server.url()) as database:
        await memory_jobs.submit()
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    flip_in_table(own_postgres_server, own_postgres_server.url(), "projection.jobs_pkey", 1)
    url = own_postgres_server.url()
    async with projecting(url, memory_jobs) as projector:
        await until_true(projector.checked.is_set, "the projector leads")
        await memory_jobs.submit()
        await until_true(lambda: projector.damage, "the damage is named")
        assert re.search(
            r"read models are damaged, index projection.jobs_pkey: .* kinolog projections rebuild",
            projector.damage,
        )
        assert projector.missing() == [projector.damage]
        await Rebuild(url, memory_jobs.store, memory_jobs.keys).run()
        last = await memory_jobs.store.last_position()
        await until_true(lambda: projector.position == last, "the projector has caught up")
        await until_true(lambda: not projector.missing(), "the problem has ended")
        assert projector.damage == ""


async def test_read_models_that_are_dropped_do_not_end_a_running_projector(
    migrated_database_url: str, memory_jobs: MemoryJobs
) -> None:
    """The dispatch in the same process goes on, and so does the projector once they are made again."""
    async with projected(migrated_database_url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
        async with projecting(migrated_database_url, memory_jobs) as projector:
            await until_true(projector.checked.is_set, "the projector leads")
            await database.connection.execute("DROP SCHEMA projection CASCADE")
            await memory_jobs.submit()
            await until_true(lambda: "kinolog projections rebuild" in projector.damage, "the loss is named")
            await Rebuild(migrated_database_url, memory_jobs.store, memory_jobs.keys).run()
            last = await memory_jobs.store.last_position()
            await until_true(lambda: projector.position == last, "the projector has caught up")
            await until_true(lambda: not projector.missing(), "the problem has ended")


async def test_damage_that_hinders_work_beside_the_projection_is_an_alarm(
    own_postgres_server: PostgresServer, memory_jobs: MemoryJobs
) -> None:
    """The audit of keys and the removal of erased texts meet damage that no batch reads. Both name it to operators."""
    job_id = await memory_jobs.submit()
    await memory_jobs.cancel(job_id)
    await memory_jobs.erase(job_id)
    await memory_jobs.submit()
    async with projected(own_postgres_server.url()) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    for index in ("kinolog.key_archive_0_pkey", "kinolog.erased_prompts_pkey"):
        flip_in_table(own_postgres_server, own_postgres_server.url(), index, 1)
    url, alarms, caught_up = own_postgres_server.url(), MemoryAlarms(), asyncio.Event()
    caught_up.set()
    audit = KeyAudit(
        url,
        memory_jobs.store,
        memory_jobs.keys,
        head=MASTER_KEYS.head,
        alarms=alarms,
        clock=lambda: memory_jobs.now,
    )
    scrub = Scrub(url, DatabaseDamageAlarm(alarms, "erased-texts", lambda: memory_jobs.now))
    async with await writer_connection(url, "test") as connection:
        writer = BatchWriter(connection)
        async with (
            background_task(audit.run(writer, caught_up)),
            background_task(scrub.run(writer, caught_up)),
        ):
            found = await until(lambda: _both(alarms), "both alarms")
    assert {alarm.name for alarm in found} == {"database-damaged-keys", "database-damaged-erased-texts"}
    details = " ".join(alarm.details for alarm in found)
    for index in ("kinolog.key_archive_0_pkey", "kinolog.erased_prompts_pkey"):
        assert f"the database is damaged, index {index}: " in details
    assert details.count("kinolog restore") == 2


async def _both(alarms: MemoryAlarms) -> list[Alarm]:
    current = [alarm for alarm in await alarms.current() if alarm.name.startswith(DATABASE_DAMAGED)]
    return current if len(current) == 2 else []
