"""The archive of keys in the database: filled with the jobs, emptied by erasures, completed by the audit of keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from kinolog_projector.erasure import key_audit
from kinolog_projector.erasure.key_audit import KeyAudit

from kinolog.job.values import Status
from tests.adapters.memory.alarms import MemoryAlarms
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.master_key import MASTER_KEYS
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until
from tests.integration.readmodel_database import Projected, projected


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Projected]:
    """A migrated database with a writer."""
    async with projected(database_url) as found:
        yield found


async def _archived(database: Projected) -> dict[str, tuple[bytes, int]]:
    cursor = await database.connection.execute("SELECT key_id, wrapped, position FROM kinolog.key_archive")
    return {key_id: (bytes(wrapped), position) for key_id, wrapped, position in await cursor.fetchall()}


async def _prompts(database: Projected) -> dict[str, str | None]:
    cursor = await database.connection.execute(
        "SELECT jobs.id, prompts.prompt FROM projection.jobs JOIN projection.prompts USING (number)"
    )
    return dict(await cursor.fetchall())


def _audit(database: Projected, jobs: MemoryJobs) -> KeyAudit:
    return KeyAudit(
        database.url,
        jobs.store,
        jobs.keys,
        head=MASTER_KEYS.head,
        alarms=MemoryAlarms(),
        clock=lambda: jobs.now,
    )


async def test_keys_are_archived_with_their_jobs(database: Projected) -> None:
    """Every job that is not erased has its wrapped key in the archive, at the position of its first commit."""
    jobs = MemoryJobs()
    await jobs.many(40)
    await database.catch_up(jobs.store, jobs.keys, batch_size=7)
    kept = [job_id for job_id in jobs.job_ids if not (await jobs.job(job_id)).erased]
    archived = await _archived(database)
    assert 0 < len(kept) < len(jobs.job_ids)
    assert sorted(archived) == sorted(kept)
    for key_id, (wrapped, position) in archived.items():
        assert MASTER_KEYS.unwrap(key_id, wrapped) == await jobs.keys.get(key_id)
        first = await anext(aiter(jobs.store.history(key_id)))
        assert position == first.position
    assert await _audit(database, jobs).audit(database.writer) == []
    assert await _archived(database) == archived


async def test_the_audit_completes_the_archive_of_an_earlier_version(database: Projected) -> None:
    """Keys of jobs that were archived without them are added, and those of an earlier master key are replaced."""
    jobs = MemoryJobs()
    await jobs.many(20)
    await database.catch_up(jobs.store, jobs.keys)
    complete = await _archived(database)
    await database.connection.execute("DELETE FROM kinolog.key_archive WHERE position % 2 = 0")
    await database.connection.execute(
        "UPDATE kinolog.key_archive SET wrapped = '\\x01'::bytea || substring(wrapped FROM 5)"
    )
    assert await _audit(database, jobs).audit(database.writer) == []
    archived = await _archived(database)
    assert archived.keys() == complete.keys()
    assert all(wrapped.startswith(MASTER_KEYS.head) for wrapped, _ in archived.values())


async def test_a_missing_key_is_an_alarm(database: Projected, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a key is missing an alarm names its job. The alarm ends when the key is back."""
    monkeypatch.setattr(key_audit, "REPEAT_SECONDS", 0.01)
    jobs, caught_up, alarms = MemoryJobs(), asyncio.Event(), MemoryAlarms()
    job_id = await jobs.submit("a red circle")
    key = await jobs.keys.get(job_id)
    assert key is not None
    await jobs.keys.discard([job_id])
    await database.catch_up(jobs.store, jobs.keys)
    caught_up.set()
    audit = KeyAudit(
        database.url,
        jobs.store,
        jobs.keys,
        head=MASTER_KEYS.head,
        alarms=alarms,
        clock=lambda: jobs.now,
    )
    async with background_task(audit.run(database.writer, caught_up)):
        (alarm,) = await until(alarms.current, "an alarm is raised")
        assert (alarm.name, job_id in alarm.text) == ("keys-missing", True)
        await jobs.keys.create({job_id: key})
        await until(alarms.current, "the alarm is cleared", lambda standing: not standing)


async def test_a_missing_key_is_found_and_its_prompt_added_later(database: Projected) -> None:
    """A job whose key is missing is in the lists without its prompt and named by the audit, until the key is back."""
    jobs = MemoryJobs()
    here, gone = await jobs.submit("a green ring"), await jobs.submit("a red circle")
    erased = await jobs.submit("a blue cube")
    key = await jobs.keys.get(gone)
    assert key is not None
    await jobs.keys.discard([gone])
    await jobs.complete(erased)
    await jobs.erase(erased)
    await database.catch_up(jobs.store, jobs.keys)
    audit = _audit(database, jobs)
    assert await audit.audit(database.writer) == [gone]
    assert await audit.audit(database.writer, newest_only=True) == [gone]
    assert await _prompts(database) == {here: "a green ring", gone: None, erased: None}
    await jobs.keys.create({gone: key})
    assert await audit.audit(database.writer, newest_only=True) == []
    assert await _prompts(database) == {here: "a green ring", gone: "a red circle", erased: None}
    assert sorted(await _archived(database)) == sorted([here, gone])
    assert (await jobs.job(gone)).status is Status.QUEUED
