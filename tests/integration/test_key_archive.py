"""The archive of keys in the database: filled with the jobs, emptied by erasures, completed by the audit of keys."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest
from kinolog_api.api_keys.key_directory import KeyDirectory
from kinolog_api.schedules.schedule_facts import ScheduleFacts
from kinolog_projector.erasure import key_audit
from kinolog_projector.erasure.key_audit import KeyAudit, KeyFindings
from kinolog_projector.projection.key_archive import ArchivedKey, KeyArchive
from kinolog_projector.restore.key_restore import lost_keys, restore_keys
from kinolog_projector.webhooks.delivery_tables import DeliveryTables
from kinolog_projector.webhooks.known_webhooks import KEY_POSITION, KnownWebhooks

from kinolog.access.schedule import ScheduleCreated, ScheduleDeleted
from kinolog.access.webhook import SealedText
from kinolog.job.values import Status
from kinolog.ports.clock import system_clock
from kinolog.ports.event_store import DamagedLog, LoadedJob
from kinolog.readmodel.database import writer_connection
from kinolog.v1.job_service_pb2 import SubmitJobRequest
from tests.adapters.memory.access_log import MemoryAccessLog
from tests.adapters.memory.alarms import MemoryAlarms
from tests.adapters.memory.keys import MemoryKeyStore
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.master_key import MASTER_KEYS
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until
from tests.integration.readmodel_database import Projected, projected


@pytest.fixture
async def database(migrated_database_url: str) -> AsyncIterator[Projected]:
    """A migrated database with a writer."""
    async with projected(migrated_database_url) as found:
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
    assert await _audit(database, jobs).audit(database.writer) == KeyFindings()
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
    assert await _audit(database, jobs).audit(database.writer) == KeyFindings()
    archived = await _archived(database)
    assert archived.keys() == complete.keys()
    assert all(wrapped.startswith(MASTER_KEYS.head) for wrapped, _ in archived.values())


class _CountingKeyStore(MemoryKeyStore):
    """Counts how often each key was requested."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()

    async def get_wrapped(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        self.requests.update(key_ids)
        return await super().get_wrapped(key_ids)


async def test_the_audit_requests_each_key_once(database: Projected) -> None:
    """Also the keys of jobs that it completes, whether the archive has them or not."""
    keys = _CountingKeyStore()
    jobs = MemoryJobs(keys=keys)
    not_archived, of_earlier_key, complete = [await jobs.submit() for _ in range(3)]
    await database.catch_up(jobs.store, jobs.keys)
    await database.connection.execute("DELETE FROM kinolog.key_archive WHERE key_id = %s", [not_archived])
    await database.connection.execute(
        "UPDATE kinolog.key_archive SET wrapped = '\\x01'::bytea || substring(wrapped FROM 5) WHERE key_id = %s",
        [of_earlier_key],
    )
    keys.requests.clear()
    assert await _audit(database, jobs).audit(database.writer) == KeyFindings()
    assert keys.requests == {not_archived: 1, of_earlier_key: 1, complete: 1}
    assert (await _archived(database)).keys() == {not_archived, of_earlier_key, complete}


async def test_missing_and_unreadable_keys_are_alarms(
    database: Projected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a key is missing or unreadable an alarm names its job to operators. The alarm ends when the key is back."""
    monkeypatch.setattr(key_audit, "REPEAT_SECONDS", 0.01)
    jobs, caught_up, alarms = MemoryJobs(), asyncio.Event(), MemoryAlarms()
    gone, damaged = await jobs.submit("a red circle"), await jobs.submit("a green ring")
    key = await jobs.keys.get(gone)
    assert key is not None
    await jobs.keys.discard([gone])
    jobs.keys.damaged.add(damaged)
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
        standing = await until(alarms.current, "alarms are raised", lambda found: len(found) == 2)
        named = {
            alarm.name: job_id for alarm in standing for job_id in (gone, damaged) if job_id in alarm.details
        }
        assert not any(job_id in alarm.text for alarm in standing for job_id in (gone, damaged))
        assert named == {"keys-missing": gone, "keys-unreadable": damaged}
        await jobs.keys.create({gone: key})
        jobs.keys.damaged.clear()
        await until(alarms.current, "the alarms are cleared", lambda standing: not standing)


async def test_an_audit_that_an_error_ends_reports_what_it_found(
    database: Projected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that the audit does not expect ends neither it nor an alarm, and the next round compares again."""
    monkeypatch.setattr(key_audit, "REPEAT_SECONDS", 0.01)
    monkeypatch.setattr(key_audit, "POSITIONS_PER_READ", 1)
    jobs, caught_up, alarms = MemoryJobs(), asyncio.Event(), MemoryAlarms()
    gone, broken, later = [await jobs.submit(f"a red circle {number}") for number in range(3)]
    await database.catch_up(jobs.store, jobs.keys)
    await jobs.keys.discard([gone, later])
    await database.connection.execute("DELETE FROM kinolog.key_archive WHERE key_id = %s", [broken])
    for statement in (
        "CREATE FUNCTION kinolog.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON kinolog.key_archive FOR EACH ROW EXECUTE FUNCTION kinolog.refuse()",
    ):
        await database.connection.execute(statement)
    caught_up.set()
    audit = KeyAudit(
        database.url, jobs.store, jobs.keys, head=MASTER_KEYS.head, alarms=alarms, clock=lambda: jobs.now
    )
    async with background_task(audit.run(database.writer, caught_up)):
        (alarm,) = await until(alarms.current, "the alarm", bool)
        assert (gone in alarm.details, later in alarm.details) == (True, False)
        async with await writer_connection(database.url, "test") as connection:
            # Dropping the trigger would wait for the audit's locks.
            await connection.execute(
                "CREATE OR REPLACE FUNCTION kinolog.refuse() RETURNS trigger LANGUAGE plpgsql"
                " AS $$ BEGIN RETURN NEW; END $$"
            )
        await until(alarms.current, "the rest is compared", lambda found: later in found[0].details)
    assert broken in await _archived(database)


async def test_a_damaged_commit_keeps_no_other_job_from_the_audit(
    database: Projected, caplog: pytest.LogCaptureFixture
) -> None:
    """A first commit that the archive or the log cannot read takes the audit of the other jobs from nobody."""
    jobs = MemoryJobs()
    torn, gone, lost = [await jobs.submit(f"a red circle {number}") for number in range(3)]
    await database.catch_up(jobs.store, jobs.keys)
    await jobs.keys.discard([torn, gone, lost])
    await database.connection.execute("ALTER TABLE kinolog.archive DISABLE TRIGGER append_only")
    await database.connection.execute("UPDATE kinolog.archive SET raw = 'torn' WHERE job_id = %s", [torn])
    load = jobs.store.load

    async def load_intact(job_id: str) -> LoadedJob | None:
        if job_id == lost:
            raise DamagedLog("position 3: the bytes in the log are not a commit")
        return await load(job_id)

    jobs.store.load = load_intact  # type: ignore[method-assign]  # a log whose third commit is damaged
    audit = _audit(database, jobs)
    for _ in range(2):
        assert list((await audit.audit(database.writer)).missing) == [gone, lost]
    assert len([record for record in caplog.records if "is not compared" in record.message]) == 1


async def test_a_key_that_is_lost_or_damaged_later_is_found(database: Projected) -> None:
    """The audit names jobs whose key was archived and is lost or damaged since. The archived key stays."""
    jobs = MemoryJobs()
    _, gone, damaged = [await jobs.submit(f"a red circle {number}") for number in range(3)]
    await database.catch_up(jobs.store, jobs.keys)
    archived = await _archived(database)
    await jobs.keys.discard([gone])
    jobs.keys.damaged.add(damaged)
    audit = _audit(database, jobs)
    for _ in range(2):
        found = await audit.audit(database.writer)
        assert (list(found.missing), list(found.unreadable)) == ([gone], [damaged])
    known = await audit.audit(database.writer, newest_only=True, known=found.numbers)
    assert known == found
    assert await _archived(database) == archived
    assert (await _prompts(database))[damaged] == "a red circle 2"


async def test_lost_and_damaged_keys_come_back_from_the_archive(database: Projected) -> None:
    """A restore stores keys that are lost or damaged; intact ones stay, and keys that no copy can read stay too."""
    keys = MemoryKeyStore()
    key = bytes(range(32))
    wrapped = {key_id: MASTER_KEYS.wrap(key_id, key) for key_id in ("intact", "lost", "damaged", "unknown")}
    torn = {key_id: b"\x01" + wrapped[key_id][1:-1] for key_id in ("damaged", "unknown")}
    archive = wrapped | {"unknown": b"\x02" + wrapped["unknown"][1:]}
    async with database.connection.transaction():
        rows = [ArchivedKey(key_id, value, 1) for key_id, value in archive.items()]
        await KeyArchive().store(database.connection, rows)
    await keys.create({"intact": wrapped["intact"], **torn})
    assert await lost_keys(database.connection, keys, MASTER_KEYS.unwrap) == 2
    assert await restore_keys(database.connection, MemoryJobs().store, keys, MASTER_KEYS.unwrap) == 2
    expected = wrapped | {"unknown": torn["unknown"]}
    assert await keys.get_many(list(expected)) == expected


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
    assert list((await audit.audit(database.writer)).missing) == [gone]
    assert list((await audit.audit(database.writer, newest_only=True)).missing) == [gone]
    assert await _prompts(database) == {here: "a green ring", gone: None, erased: None}
    await jobs.keys.create({gone: key})
    assert await audit.audit(database.writer, newest_only=True) == KeyFindings()
    assert await _prompts(database) == {here: "a green ring", gone: "a red circle", erased: None}
    assert sorted(await _archived(database)) == sorted([here, gone])
    assert (await jobs.job(gone)).status is Status.QUEUED


def _nightly(job: SealedText) -> ScheduleCreated:
    return ScheduleCreated(tenant="default", name="", cron="0 22 * * *", zone="UTC", catch_up=False, job=job)


async def test_keys_of_schedules_are_archived_until_they_are_deleted(database: Projected) -> None:
    """Also those of schedules that an earlier version made, which archived none."""
    log, keys = MemoryAccessLog(), MemoryKeyStore()
    directory, tables = KeyDirectory(log), DeliveryTables(database.connection)
    facts = ScheduleFacts(log, directory, keys, system_clock)
    known = KnownWebhooks(log, keys, tables, database.writer, system_clock)
    async with background_task(directory.run()):
        made = await facts.create(_nightly, SubmitJobRequest(prompt="a red circle"), "ada")
        for archive in (known.load, known.archive_keys):
            await archive()
            archived = await _archived(database)
            assert {key_id: position for key_id, (_, position) in archived.items()} == {
                made.schedule_id: KEY_POSITION
            }
            await KeyArchive().delete(database.connection, list(archived))
        await known.archive_keys()
        await facts.decide(lambda: made, "delete_schedule", ScheduleDeleted(), "ada")
        await known.load()
    assert await _archived(database) == {}
