"""Reads in the database: archived from the stream, found by questions, and deleted when they are old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from kinolog_projector.backup.copied_tables import COPIED_TABLES
from kinolog_projector.reads import read_archive
from kinolog_projector.reads.address_key_archive import AddressKeyArchive
from kinolog_projector.reads.read_archive import ReadArchive, ReadRetention
from kinolog_projector.tree.commit_tree import READS
from kinolog_projector.tree.head_signer import HeadRules

from kinolog.process.files.head_keys import new_head_key
from kinolog.process.problem_alarm import ProblemAlarm
from kinolog.readmodel.permanent_tables import read_batches, reads
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog.reads.address_keys import address_key
from kinolog.reads.read import LOST, ReadKind
from kinolog.reads.read_log import ReadHistory, ReadLogPage, ReadPlace, ReadSearch, StoredRead
from kinolog.reads.read_query import ReadQuery, parse_read_query
from tests.adapters.memory.alarms import MemoryAlarms
from tests.adapters.memory.keys import MemoryKeyStore
from tests.adapters.memory.read_log import MemoryReadHistory, MemoryReadLog
from tests.contract.test_read_log import AT, BATCH, READ
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until
from tests.integration.grown_tree import grown
from tests.integration.readmodel_database import Projected, projected
from tests.integration.test_commit_tree import archive, signer

NOW = AT + timedelta(hours=1)
FOREVER = ReadRetention(days=36_500, size_bytes=1 << 40)


@dataclass(frozen=True, slots=True)
class ArchivedCase:
    """A stream, its archive in the database, and what answers questions from it."""

    log: MemoryReadLog
    database: Projected
    alarms: MemoryAlarms
    history: ReadHistory
    keys: MemoryKeyStore = field(default_factory=MemoryKeyStore)

    def archive(self, kept: ReadRetention = FOREVER) -> ReadArchive:
        """Return what copies the stream."""
        alarm = ProblemAlarm(self.alarms, "reads-damaged", lambda: NOW)
        keys = AddressKeyArchive(self.keys)
        return ReadArchive(self.database.url, self.log, keys, kept, alarm, lambda: NOW)

    async def numbers(self) -> list[tuple[int, int]]:
        """Return numbers and positions of the archived batches."""
        cursor = await self.database.connection.execute(
            "SELECT number, position FROM kinolog.read_batches ORDER BY number"
        )
        return list(await cursor.fetchall())


@pytest.fixture
async def case(migrated_database_url: str) -> AsyncIterator[ArchivedCase]:
    """An empty stream and an empty archive."""
    model = await PostgresReadModel.connect(migrated_database_url, 2)
    async with projected(migrated_database_url) as database:
        yield ArchivedCase(MemoryReadLog(), database, MemoryAlarms(), model.read_history())
    await model.close()


async def filled(log: MemoryReadLog) -> None:
    """Store batches of two tenants whose reads differ in everything that questions ask for."""
    facts = READ.facts
    texts = replace(facts, kind=ReadKind.TEXT, method="GetJob", resource="", client="kinolog/1.0 (x)"[:11])
    others = replace(facts, actor="bob", api_key_id="", client="", job_id="b" * 26, outcome="not_found")
    lost = replace(facts, actor="", method="", kind=ReadKind.OTHER, job_id="", outcome=LOST)
    late = timedelta(days=3)
    await log.append(replace(BATCH, reads=(READ, replace(READ, facts=texts))))
    await log.append(replace(BATCH, tenant="other", number=2))
    await log.append(
        replace(
            BATCH,
            number=3,
            reads=tuple(
                replace(READ, facts=one, first_at=AT + late, last_at=AT + late) for one in (others, lost)
            ),
        )
    )


QUESTIONS = (
    "",
    "actor=ada",
    "actor=bob,ada outcome!=lost",
    "key=k1",
    "client=curl",
    "client=curl/8.5.0",
    "client!=curl",
    "client=kinolog",
    "kind=text,other",
    "method=GetJob",
    f"job={'b' * 26}",
    "outcome=not_found",
    "since=2026-05-02",
    "until=2026-05-02",
    "since=2026-05-01T12:00:01 until=2026-05-01T12:00:02",
    "actor=nobody",
)


async def test_questions_are_answered_as_in_memory(case: ArchivedCase) -> None:
    """Postgres finds what a comparison of each read with the question finds, in the same order, page by page."""
    await filled(case.log)
    await case.archive().archive_new(case.database.connection)
    memory, matched = MemoryReadHistory(case.log), 0
    for question, oldest_first in product(QUESTIONS, (True, False)):
        query = parse_read_query(question, NOW)
        for tenant in ("studio", "other"):
            search = ReadSearch(query=query, limit=10, oldest_first=oldest_first)
            expected = list(await memory.search(tenant, search))
            assert list(await case.history.search(tenant, search)) == expected, question
            found, beyond = list[StoredRead](), None
            while page := await case.history.search(tenant, replace(search, limit=1, beyond=beyond)):
                found += page
                beyond = page[-1].place
            assert found == expected, question
            matched += bool(expected)
    assert matched > len(QUESTIONS)
    for tenant, number in product(("studio", "other"), (1, 2, 3, 4)):
        expected_raw = await memory.stored_batch(tenant, number)
        assert await case.history.stored_batch(tenant, number) == expected_raw, (tenant, number)


async def test_no_number_of_a_client_stops_the_archive(case: ArchivedCase) -> None:
    """One may ask for bytes from and up to 2**64 - 1."""
    largest = replace(READ.facts, offset=2**64 - 1, limit=2**64 - 1)
    await case.log.append(replace(BATCH, reads=(replace(READ, facts=largest, size_bytes=2**64 - 1),)))
    await case.log.append(replace(BATCH, number=2))
    await case.archive().archive_new(case.database.connection)
    found = await case.history.search("studio", ReadSearch(query=ReadQuery(), limit=10, oldest_first=True))
    assert [one.read.facts.limit for one in found] == [2**63 - 1, READ.facts.limit]


async def test_the_stream_is_archived_as_it_grows(
    case: ArchivedCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch once, under the next number, also after another start. A damaged message is an alarm."""
    monkeypatch.setattr(read_archive, "POLL_SECONDS", 0.01)
    writer, caught_up = case.database.writer, asyncio.Event()
    await case.log.append(BATCH)
    async with background_task(case.archive().run(writer, caught_up)):
        await until(case.numbers, "the first is archived", lambda found: len(found) == 1)
        await case.log.append(replace(BATCH, number=2))
        await until(case.numbers, "the second is archived", lambda found: len(found) == 2)
    await case.log.append(replace(BATCH, number=3))
    archive = case.archive()
    await archive.archive_new(case.database.connection)
    await archive.archive_new(case.database.connection)
    assert await case.numbers() == [(1, 1), (2, 2), (3, 3)]
    assert not await case.alarms.current()

    async def damaged(position: int) -> ReadLogPage:
        return ReadLogPage(damaged=(4,)) if position < 4 else ReadLogPage()

    monkeypatch.setattr(case.log, "after", damaged)
    await archive.archive_new(case.database.connection)
    (alarm,) = await case.alarms.current()
    assert "1 batch of recorded reads" in alarm.text


async def test_old_reads_are_deleted_from_archive_and_stream(case: ArchivedCase) -> None:
    """By age and by size, the oldest first. Numbers go on after a deletion of everything."""
    for number, days in ((1, 40), (2, 20), (3, 0)):
        await case.log.append(replace(BATCH, number=number, at=NOW - timedelta(days=days)))
    connection = case.database.connection
    await case.archive().archive_new(connection)
    assert await case.archive().delete_old(connection) == 0
    month = case.archive(ReadRetention(days=30, size_bytes=1 << 40))
    assert await month.delete_old(connection) == 0  # their hashes are not in the tree
    await grown(connection, READS)
    assert await month.delete_old(connection) == 1
    assert await case.numbers() == [(2, 2), (3, 3)]
    assert [one.position for one in case.log.batches] == [2, 3]
    size = len(case.log.batches[-1].raw)
    assert await case.archive(ReadRetention(days=30, size_bytes=size)).delete_old(connection) == 1
    assert await case.numbers() == [(3, 3)]
    found = await case.history.search("studio", ReadSearch(query=ReadQuery(), limit=10))
    assert [one.place for one in found] == [ReadPlace(3, 0)]
    assert await case.archive(ReadRetention(days=30, size_bytes=0)).delete_old(connection) == 1
    assert (await case.numbers(), case.log.batches) == ([], [])
    await case.log.append(replace(BATCH, number=4, at=datetime.now(UTC)))
    await case.archive().archive_new(connection)
    assert await case.numbers() == [(4, 4)]
    cursor = await connection.execute(
        "SELECT until_number, days, by_size FROM kinolog.read_deletions ORDER BY until_number"
    )
    assert await cursor.fetchall() == [(1, 30, False), (2, 30, True), (3, 30, True)]
    assert (await grown(connection, READS)).size == 4


async def test_reads_are_deleted_after_a_head_that_has_them_is_as_old(
    case: ArchivedCase, tmp_path: Path
) -> None:
    """So the heads show that nothing was deleted too early. A clock of an api that was slow makes no difference."""
    key = tmp_path / "tree.key"
    key.write_text(new_head_key(), encoding="ascii")
    rules, connection = HeadRules(key_file=key, every_commits=1), case.database.connection
    month = case.archive(ReadRetention(days=30, size_bytes=1 << 40))
    for number, days in ((1, 40), (2, 5), (3, 99)):
        await case.log.append(replace(BATCH, number=number, at=NOW - timedelta(days=40)))
        await case.archive().archive_new(connection)
        await archive(connection, 1)
        signed_at = NOW - timedelta(days=days)
        if number < 3:
            await (await signer(connection, rules, lambda at=signed_at: at)).sign_if_due()  # type: ignore[misc]
    await grown(connection, READS)
    assert await month.delete_old(connection) == 1
    assert await case.numbers() == [(2, 2), (3, 3)]


async def test_a_restored_database_goes_on_after_its_batches(case: ArchivedCase) -> None:
    """A backup has the batches and their reads, and no checkpoint: neither numbers nor positions come twice."""
    await case.log.append(BATCH)
    await case.log.append(replace(BATCH, number=2))
    connection = case.database.connection
    await case.archive().archive_new(connection)
    await connection.execute("UPDATE kinolog.read_checkpoint SET position = 0, number = 0")
    await case.log.append(replace(BATCH, number=3))
    await case.archive().archive_new(connection)
    assert await case.numbers() == [(1, 1), (2, 2), (3, 3)]
    for table in (reads, read_batches):
        assert COPIED_TABLES[table.name].columns.split(", ") == [column.name for column in table.columns]


async def test_keys_of_addresses_are_archived_until_their_months_end(case: ArchivedCase) -> None:
    """A lost key store and a backup get them from there, wrapped. Those of months that ended are deleted."""
    writer, archived = case.database.writer, "SELECT key_id FROM kinolog.key_archive ORDER BY key_id"

    async def key_ids() -> list[str]:
        return [key_id for (key_id,) in await (await case.database.connection.execute(archived)).fetchall()]

    names = [address_key(AT - timedelta(days=days)) for days in (0, 45, 400)]
    await case.keys.create({name: bytes([number]) * 32 for number, name in enumerate(names)})
    kept = AddressKeyArchive(case.keys)
    await kept.begin(writer, NOW, 90)
    assert await key_ids() == sorted(names[:2])
    await kept.archive(writer, {"", "reads-2030-01", names[2]})
    assert await key_ids() == sorted(names)
    await kept.delete_ended(writer, NOW, 90)
    assert await key_ids() == sorted(names[:2])
    await case.log.append(BATCH)
    caught_up = asyncio.Event()
    await case.database.connection.execute("DELETE FROM kinolog.key_archive")
    async with background_task(case.archive().run(writer, caught_up)):
        await until(case.numbers, "the batch is archived")
        await until(key_ids, "its key is archived", lambda ids: address_key(AT) in ids)
