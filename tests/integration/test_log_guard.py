"""Damage of the log or its archive on disk: found at start and while running, named, and announced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from kinolog_projector.guard import log_guard
from kinolog_projector.guard.log_guard import LogGuard

from kinolog.adapters.jetstream.log.raw_log import JetStreamRawLog
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ports.alarms import LOG_DAMAGED, AlarmSeverity
from kinolog.ports.event_store import DamagedLog
from kinolog.ports.raw_log import LogExtent
from kinolog.privacy.wrapped_keys import WrappedKeyStore
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.adapters.memory.alarms import MemoryAlarms
from tests.adapters.memory.raw_log import MemoryRawLog
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.damage import PARTS, Part, flip_in_log, flip_in_table
from tests.fixtures.log import connected, empty_streams, given_job, given_jobs, open_stores
from tests.fixtures.master_key import MASTER_KEYS
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until_true
from tests.integration.readmodel_database import projected

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAMAGED = 15
"""The position that a test damages: the first commit of a job, or the last of another."""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass reads chunk after chunk, and the next one begins at once."""
    monkeypatch.setattr(log_guard, "CHUNK_SECONDS", 0.01)
    monkeypatch.setattr(log_guard, "PASS_SECONDS", 0.0)
    monkeypatch.setattr(log_guard, "RETRY_SECONDS", 0.05)


async def archived_log(server: NatsServer, url: str) -> None:
    """Fill a log with jobs of one commit and one job of three, whose tail is at 30, and archive it."""
    await empty_streams(server)
    async with open_stores(server, Service.API) as stores:
        await given_jobs(stores.log, 27)
        await given_job(stores.log, 3)
        async with projected(url) as database:
            assert await database.catch_up(stores.log, WrappedKeyStore(stores.keys, MASTER_KEYS)) == 30


@asynccontextmanager
async def guarding(server: NatsServer, url: str) -> AsyncIterator[tuple[LogGuard, MemoryAlarms]]:
    """A guard of a server's log, and the alarms that it raises."""
    async with connected(server, Service.PROJECTOR) as client:
        raw, alarms = JetStreamRawLog(client), MemoryAlarms("projector")
        yield LogGuard(url, raw, alarms, lambda: NOW), alarms
        await raw.close()


async def wait_for_passes(guard: LogGuard, passes: int) -> None:
    """Wait until the guard has compared the whole log so often."""
    await until_true(lambda: guard.passes >= passes or guard.damaged.is_set(), f"{passes} passes")


async def test_an_intact_log_passes(own_nats_server: NatsServer, migrated_database_url: str) -> None:
    """Nothing is reported for a log that equals its archive, at start and in several passes."""
    await archived_log(own_nats_server, migrated_database_url)
    async with guarding(own_nats_server, migrated_database_url) as (guard, alarms):
        await guard.check_start()
        async with background_task(guard.run()):
            await wait_for_passes(guard, 3)
        assert (guard.problem, await alarms.current(), guard.compared >= 90) == ("", (), True)


@pytest.mark.parametrize("killed", [False, True], ids=["restarted", "killed"])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("position", [DAMAGED, 30])
async def test_one_flipped_bit_is_found_at_start(
    own_nats_server: NatsServer, migrated_database_url: str, part: Part, killed: bool, position: int
) -> None:
    """A bit anywhere in a stored commit, in the middle or at the end, is found before anything is served."""
    await archived_log(own_nats_server, migrated_database_url)
    own_nats_server.kill() if killed else own_nats_server.stop()
    flip_in_log(own_nats_server.folder, position, part)
    own_nats_server.start()
    async with guarding(own_nats_server, migrated_database_url) as (guard, _):
        with pytest.raises(DamagedLog, match=rf"position {position}\b|has lost its end|holds 29 commits"):
            await guard.check_start()


async def test_damage_while_running_stops_the_dispatch_and_is_announced(
    own_nats_server: NatsServer, migrated_database_url: str
) -> None:
    """A pass finds the damage: an alarm that refuses writes names position and remedy, and no ticket is issued."""
    await archived_log(own_nats_server, migrated_database_url)
    dispatched = asyncio.Event()

    async def dispatch() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            dispatched.set()

    async with guarding(own_nats_server, migrated_database_url) as (guard, alarms):
        async with background_task(guard.beside(dispatch)):
            await wait_for_passes(guard, 1)
            own_nats_server.stop()
            flip_in_log(own_nats_server.folder, DAMAGED)
            own_nats_server.start()
            async with asyncio.timeout(60):
                await guard.damaged.wait()
                await dispatched.wait()
        (alarm,) = await alarms.current()
        assert (alarm.name, alarm.severity) == (LOG_DAMAGED, AlarmSeverity.REFUSE_WRITES)
        assert f"position {DAMAGED} (job job" in alarm.details
        assert "job job" not in alarm.text
        assert alarm.text.endswith("run: kinolog restore")
        assert guard.missing() == [alarm.text]


async def test_damage_that_the_dispatch_meets_is_announced(migrated_database_url: str) -> None:
    """Damage that ends the dispatch is an alarm too."""
    jobs = MemoryJobs()
    async with projected(migrated_database_url):
        alarms = MemoryAlarms("projector")
        guard = LogGuard(migrated_database_url, MemoryRawLog(jobs.store), alarms, lambda: NOW)

        async def dispatch() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(_meet_damage())

        async with background_task(guard.beside(dispatch)), asyncio.timeout(60):
            await guard.damaged.wait()
        assert "position 7: not a commit" in guard.damage
        assert len(await alarms.current()) == 1


async def _meet_damage() -> None:
    raise DamagedLog("position 7: not a commit")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE kinolog.archive SET raw = set_byte(raw, 40, get_byte(raw, 40) # 1) WHERE position = 15",
        "UPDATE kinolog.archive SET digest = set_byte(digest, 4, get_byte(digest, 4) # 1) WHERE position = 15",
        "UPDATE kinolog.archive SET job_id = 'somebodyelse' WHERE position = 15",
        "DELETE FROM kinolog.archive WHERE position = 15",
    ],
    ids=["bytes", "hash", "job", "deleted"],
)
async def test_a_changed_archive_is_found(
    own_nats_server: NatsServer, migrated_database_url: str, change: str
) -> None:
    """A row of the archive that was changed or deleted is named."""
    await archived_log(own_nats_server, migrated_database_url)
    with psycopg.connect(migrated_database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE kinolog.archive DISABLE TRIGGER append_only")
        connection.execute(change)
    async with guarding(own_nats_server, migrated_database_url) as (guard, _):
        with pytest.raises(DamagedLog, match=r"position 15 \(job job.*archive.*the log holds it"):
            await guard.check_start()


async def test_a_damaged_page_of_the_archive_is_found(
    own_nats_server: NatsServer, own_postgres_server: PostgresServer
) -> None:
    """Postgres refuses to read the page, and the guard names what lies on it."""
    url = own_postgres_server.url()
    await archived_log(own_nats_server, url)
    flip_in_table(own_postgres_server, url, "kinolog.archive")
    async with guarding(own_nats_server, own_postgres_server.url()) as (guard, _):
        with pytest.raises(DamagedLog, match=r"position 1 .*its row in the archive is damaged.*10 more"):
            await guard.check_start()


class SparseRawLog(MemoryRawLog):
    """A log that counts fewer commits than it has positions."""

    async def extent(self) -> LogExtent:
        extent = await super().extent()
        return LogExtent(extent.first, extent.last, extent.commits - 2)


async def test_a_log_that_counts_too_few_commits_is_refused(
    memory_jobs: MemoryJobs, migrated_database_url: str
) -> None:
    """The numbers that the server states are compared before anything is read."""
    async with projected(migrated_database_url) as database:
        last = await database.catch_up(memory_jobs.store, memory_jobs.keys)
    guard = LogGuard(migrated_database_url, SparseRawLog(memory_jobs.store), MemoryAlarms(), lambda: NOW)
    with pytest.raises(DamagedLog, match=f"holds {last - 2} commits from position 1 to {last}"):
        await guard.check_start()


async def test_an_unavailable_archive_is_no_damage(
    own_nats_server: NatsServer, own_postgres_server: PostgresServer
) -> None:
    """Without Postgres nothing is compared and nothing is announced; the passes go on when it is back."""
    await archived_log(own_nats_server, own_postgres_server.url())
    async with guarding(own_nats_server, own_postgres_server.url()) as (guard, alarms):
        async with background_task(guard.run()):
            await wait_for_passes(guard, 1)
            await asyncio.to_thread(own_postgres_server.kill)
            await asyncio.to_thread(own_postgres_server.start)
            await wait_for_passes(guard, guard.passes + 2)
        assert (guard.problem, await alarms.current()) == ("", ())


async def test_an_archive_that_cannot_be_read_is_damage(
    own_nats_server: NatsServer, own_postgres_server: PostgresServer
) -> None:
    """A damaged page that the comparison needs itself is announced; it is not taken for an outage."""
    url = own_postgres_server.url()
    await archived_log(own_nats_server, url)
    async with guarding(own_nats_server, url) as (guard, alarms):
        async with background_task(guard.run()):
            await wait_for_passes(guard, 1)
            await asyncio.to_thread(flip_in_table, own_postgres_server, url, "kinolog.log_checkpoint")
            await until_true(guard.damaged.is_set, "the damage is announced")
        (alarm,) = await alarms.current()
        assert "the database is damaged, table kinolog.log_checkpoint: invalid page" in alarm.details


@pytest.mark.parametrize("index", ["archive_of_job", "archive_pkey"])
async def test_a_damaged_index_is_found(
    own_nats_server: NatsServer, own_postgres_server: PostgresServer, index: str
) -> None:
    """Both indexes of the archive are read, and a damaged page of one is damage although every row is right."""
    url = own_postgres_server.url()
    await archived_log(own_nats_server, url)
    flip_in_table(own_postgres_server, url, f"kinolog.{index}", page=1)
    async with guarding(own_nats_server, own_postgres_server.url()) as (guard, _):
        with pytest.raises(psycopg.InternalError, match="invalid page"):
            await guard.check_start()
        await guard.run()
        assert f"the database is damaged, index kinolog.{index}: invalid page" in guard.damage
        assert "kinolog restore" in guard.damage
