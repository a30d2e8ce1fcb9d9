"""The archive of facts about API keys in the database, and streams that are made whole from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from kinolog_projector.access import access_archive
from kinolog_projector.access.access_archive import (
    AccessArchive,
    ArchivedAccessCommit,
    add_noted,
    archived_after,
)
from kinolog_projector.access.access_restore import fill_access, noted_access, noted_commits
from kinolog_projector.commands import CommandOptions
from kinolog_projector.maintenance import restore

from kinolog.access.api_key import ApiKeyRevoked
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ports.clock import system_clock
from kinolog.ports.event_store import DamagedLog
from kinolog.process.problem_alarm import ProblemAlarm
from kinolog.process.settings import ProjectorSettings
from kinolog_stack.servers.nats_server import NatsServer
from tests.adapters.memory.access_log import MemoryAccessLog
from tests.adapters.memory.alarms import MemoryAlarms
from tests.contract.test_access_log import CREATED
from tests.fixtures.log import empty_streams
from tests.fixtures.master_key import MASTER_KEY_ENV
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until
from tests.integration.readmodel_database import Projected, projected


@pytest.fixture
async def database(migrated_database_url: str) -> AsyncIterator[Projected]:
    """A migrated database with a writer."""
    async with projected(migrated_database_url) as found:
        yield found


async def filled_log(keys: int = 3) -> MemoryAccessLog:
    """Return a stream with some keys, the first of which is revoked."""
    log = MemoryAccessLog()
    for number in range(keys):
        await log.append(replace(CREATED, key_id=f"{'a' * 11}{number + 2}"))
    (first,) = [recorded async for batch in log.read(0) for recorded in batch][:1]
    revoked = replace(
        first.commit,
        command="revoke",
        events=(ApiKeyRevoked(),),
        previous_position=1,
        previous_hash=first.digest,
    )
    await log.append(revoked)
    return log


async def archived(database: Projected) -> list[bytes]:
    """Return the archived messages."""
    return [commit.raw for commit in await archived_after(database.connection, 0)]


async def test_the_stream_is_archived_as_it_grows(
    database: Projected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there and what comes is archived, once. A stream that lost its end is an alarm until it is whole."""
    monkeypatch.setattr(access_archive, "RETRY_SECONDS", 0.05)
    log, alarms = await filled_log(), MemoryAlarms()
    alarm = ProblemAlarm(alarms, "access-damaged", system_clock)
    follower = AccessArchive(database.url, log, alarm)
    writer, caught_up = database.writer, asyncio.Event()
    async with background_task(follower.run(writer, caught_up)):
        await until(lambda: archived(database), "all is archived", log.stored.__eq__)
        await log.append(replace(CREATED, key_id="b" * 12))
        await until(lambda: archived(database), "the new one too", log.stored.__eq__)
    shorter = MemoryAccessLog()
    await shorter.refill(0, log.stored[:2])
    async with background_task(AccessArchive(database.url, shorter, alarm).run(writer, caught_up)):
        (found,) = await until(alarms.current, "the loss is found")
        assert "The stream of API keys is damaged" in found.text
        assert "kinolog restore" in found.text
        assert (await fill_access(database.connection, shorter)).restored == 3
        await until(alarms.current, "the alarm ends", lambda found: not found)
    assert shorter.stored == log.stored


async def test_stream_and_archive_fill_each_other(database: Projected) -> None:
    """Either is filled from the other. A damaged stream is left for its replacement, and nothing intact is lost."""
    log, connection = await filled_log(), database.connection
    filled = await fill_access(connection, log)
    assert (filled.archived, filled.restored, filled.problem) == (4, 0, "")
    empty = MemoryAccessLog()
    assert (await fill_access(connection, empty)).restored == 4
    assert empty.stored == log.stored
    await log.append(replace(CREATED, key_id="b" * 12))
    log.stored.append(b"damaged")
    filled = await fill_access(connection, log)
    assert (filled.archived, filled.restored) == (1, 0)
    assert "position 6" in filled.problem
    assert await archived(database) == log.stored[:5]
    other = MemoryAccessLog()
    await other.append(replace(CREATED, key_id="c" * 12))
    assert "another message at 1" in (await fill_access(connection, other)).problem


async def test_later_facts_survive_an_older_backup(database: Projected) -> None:
    """What was here before a backup was loaded continues what the backup has, unless it is another history."""
    log, connection = await filled_log(), database.connection
    await fill_access(connection, log)
    noted = noted_commits(await noted_access(connection))
    assert [commit.raw for commit in noted] == log.stored
    await connection.execute("ALTER TABLE kinolog.access_archive DISABLE TRIGGER append_only")
    await connection.execute("DELETE FROM kinolog.access_archive WHERE position > 2")
    assert await add_noted(connection, noted) == 2
    assert await archived(database) == log.stored
    assert await add_noted(connection, noted[1:]) is None
    with pytest.raises(DamagedLog):
        await add_noted(connection, [*noted, replace(noted[0], position=5, raw=b"damaged")])


async def test_a_restore_says_that_keys_are_back(
    database: Projected,
    migrated_database_url: str,
    own_nats_server: NatsServer,
    nats_env: Callable[[Service], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A restore fills the stream from its archive and says so, also if there is nothing else to restore."""
    await empty_streams(own_nats_server)
    stored = (await filled_log()).stored
    await add_noted(database.connection, [ArchivedAccessCommit(at, raw) for at, raw in enumerate(stored, 1)])
    servers = nats_env(Service.ADMIN) | {"KINOLOG_DATABASE_URL": migrated_database_url}
    for name, value in (servers | MASTER_KEY_ENV).items():
        monkeypatch.setenv(name, value)
    back, nothing = (await restore(ProjectorSettings(), CommandOptions())).text.splitlines()
    assert back == "the stream of API keys got 4 messages back"
    assert nothing.startswith("nothing to restore: 0 commits")
