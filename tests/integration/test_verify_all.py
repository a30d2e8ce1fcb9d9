"""Everything that is stored is compared, and the first difference of each part is named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import LiteralString

import pytest
from kinolog_projector.reads.address_key_archive import AddressKeyArchive
from kinolog_projector.reads.read_archive import ReadArchive, ReadRetention
from kinolog_projector.tree.head_signer import HeadRules
from kinolog_projector.verify.difference import Difference
from kinolog_projector.verify.verify_all import VerifiedAll, VerifyAll, VerifyChoices, VerifyProgress

from kinolog.codec.commits import decode_commit
from kinolog.merkle.hashes import leaf_hash
from kinolog.ports.clock import system_clock
from kinolog.ports.raw_log import RawCommit
from kinolog.process.files.head_keys import new_head_key
from kinolog.process.problem_alarm import ProblemAlarm
from tests.adapters.memory.alarms import MemoryAlarms
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.raw_log import MemoryRawLog
from tests.adapters.memory.read_log import MemoryReadLog
from tests.builders.memory_jobs import MemoryJobs
from tests.builders.rewritten_history import log_of, replace_history, rewritten
from tests.contract.test_read_log import BATCH
from tests.integration.readmodel_database import Projected, projected
from tests.integration.test_commit_tree import signer

FIRST_HEAD = 100
"""A head is signed at this position, and one at the end."""


@dataclass(slots=True)
class StoredHistory:
    """A log with jobs in every state, its archive, read models and tree, and the file of its heads."""

    database: Projected
    jobs: MemoryJobs
    rules: HeadRules
    store: MemoryEventStore
    raw_log: MemoryRawLog
    reads: MemoryReadLog = field(default_factory=MemoryReadLog)
    progress: VerifyProgress = field(default_factory=VerifyProgress)

    async def verify(self, *heads: Path) -> VerifiedAll:
        """Compare everything."""
        made = VerifyAll(self.database.url, self.raw_log, self.store, self.jobs.keys, None, self.reads)
        self.progress = VerifyProgress()
        return await made.run(VerifyChoices(head_files=heads), self.progress)

    async def found(self, *heads: Path) -> dict[str, Difference]:
        """Return what differs, by part."""
        return dict((await self.verify(*heads)).differences)

    async def sign(self) -> None:
        """Grow the tree, and sign a head."""
        await (await signer(self.database.connection, self.rules)).sign_if_due()

    async def rewrite(self, drop: str, change: int) -> None:
        """Let the administrator drop a job and change an actor, chain everything again and make it again."""
        self.store = log_of(rewritten(self.store._log, drop=drop, change=change))
        self.raw_log = MemoryRawLog(self.store)
        await replace_history(self.database.connection, self.database.url, self.store, self.jobs.keys)

    async def record_reads(self) -> None:
        """Archive batches of two apis."""
        for recorder, number in (("api-1", 1), ("api-2", 1), ("api-1", 2)):
            await self.reads.append(replace(BATCH, recorder=recorder, number=number))
        alarm = ProblemAlarm(MemoryAlarms(), "reads-damaged", system_clock)
        kept = ReadRetention(days=36_500, size_bytes=1 << 40)
        keys = AddressKeyArchive(self.jobs.keys)
        archive = ReadArchive(self.database.url, self.reads, keys, kept, alarm, system_clock)
        await archive.archive_new(self.database.connection)

    async def make_tree_again(self, *, heads: bool) -> None:
        """Delete the hashes of the tree, and with the key also its heads."""
        connection = self.database.connection
        async with connection.transaction():
            await connection.execute("DELETE FROM kinolog.tree_tiles")
            if heads:
                await connection.execute("ALTER TABLE kinolog.tree_heads DISABLE TRIGGER USER")
                await connection.execute("DELETE FROM kinolog.tree_heads")
                await connection.execute("ALTER TABLE kinolog.tree_heads ENABLE TRIGGER USER")


@pytest.fixture
async def history(
    migrated_database_url: str, memory_jobs: MemoryJobs, tmp_path: Path
) -> AsyncIterator[StoredHistory]:
    """A history of 60 jobs with two signed heads."""
    key = tmp_path / "tree.key"
    write(key, new_head_key())
    rules = HeadRules(key_file=key, heads_file=tmp_path / "heads.log", every_commits=1)
    async with projected(migrated_database_url) as database:
        store = memory_jobs.store
        made = StoredHistory(database, memory_jobs, rules, store, MemoryRawLog(store))
        await database.catch_up(store, memory_jobs.keys)
        await made.sign()
        await memory_jobs.many(40)
        await database.catch_up(store, memory_jobs.keys)
        await made.sign()
        await made.record_reads()
        yield made


def write(file: Path, text: str) -> None:
    """Put a text in the place of a file."""
    file.write_text(text, encoding="ascii")


def copied(history: StoredHistory, tmp_path: Path, leaves: int = 0) -> Path:
    """Return a copy of the heads, made before a rewrite; with so many hashes of commits beside it."""
    copy = tmp_path / "copy.log"
    assert history.rules.heads_file is not None
    copy.write_bytes(history.rules.heads_file.read_bytes())
    if leaves:
        hashes = b"".join(map(leaf_hash, history.store._log[:leaves]))
        copy.with_name("copy.log.leaves").write_bytes(hashes)
    return copy


async def test_nothing_differs(history: StoredHistory) -> None:
    """Every commit, head and job is compared, and all are counted."""
    result = await history.verify()
    assert result.holds, result.differences
    commits, jobs = await history.store.last_position(), len(history.jobs.job_ids)
    assert result.position == commits
    assert {part.name: part.count for part in result.parts} == {
        "log and archive": commits,
        "tree": 2,
        "lists": jobs,
        "keys": jobs,
        "erasures": 0,
        "reads": 3,
    }
    progress = history.progress
    assert (progress.commits, progress.jobs, progress.all_commits) == (commits, jobs, commits)


@pytest.mark.parametrize(
    ("change", "part", "text"),
    [
        ("UPDATE projection.jobs SET seed = seed + 1 WHERE number = 1", "lists", "another seed"),
        (
            "UPDATE projection.jobs SET log_bytes = log_bytes + 1 WHERE number = 1",
            "lists",
            "another log_bytes",
        ),
        ("DELETE FROM projection.jobs WHERE number = 1", "lists", "lists lack the job"),
        ("UPDATE projection.jobs SET id = 'other' WHERE number = 1", "lists", "lists lack the job"),
        ("DELETE FROM projection.scenes", "lists", "0 rows of its scenes instead of"),
        ("UPDATE projection.attempts SET hardware = 'x'", "lists", "another hardware of its attempts"),
        ("DELETE FROM projection.artifacts", "lists", "0 rows of its artifacts instead of"),
        ("DELETE FROM kinolog.key_archive", "keys", "the archive of keys lacks the key of the job"),
        ("UPDATE kinolog.key_archive SET wrapped = 'x'", "keys", "another one than its archived copy"),
    ],
)
async def test_a_difference_is_named(
    history: StoredHistory, change: LiteralString, part: str, text: str
) -> None:
    """With the job, and the position of its last commit. The other parts are compared all the same."""
    await history.database.connection.execute(change)
    ((name, difference),) = (await history.found()).items()
    assert (name, text in difference.text) == (part, True), difference
    loaded = await history.store.load(difference.job_id)
    assert loaded is not None
    assert difference.position == loaded.position


async def test_a_hash_above_the_leaves_that_was_changed(history: StoredHistory) -> None:
    """Proofs over many commits are made of it."""
    await history.jobs.many(10)
    await history.database.catch_up(history.store, history.jobs.keys)
    await history.sign()
    await history.database.connection.execute(
        "UPDATE kinolog.tree_tiles SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0)) WHERE level = 1"
    )
    ((name, difference),) = (await history.found()).items()
    assert (name, difference.position) == ("tree", 1)
    assert "the hash over 256 commits from here on" in difference.text


async def test_keys_that_are_lost_or_not_erased(history: StoredHistory) -> None:
    job_id = history.jobs.job_ids[0]
    job = await history.jobs.job(job_id)
    await history.jobs.keys.erase(job.sealing_key_id)
    found = (await history.found())["keys"]
    assert (found.job_id, found.text) == (job_id, "the key store lacks the key of the job")


async def test_commits_that_differ(history: StoredHistory) -> None:
    """A lost commit, and one whose bytes are those of another: named with the job."""
    lost = history.raw_log.stored
    commit = (await lost(4, 5))[5]
    history.raw_log.lost.add(5)
    found = (await history.found())["log and archive"]
    assert (found.position, found.job_id) == (5, commit.job_id)
    history.raw_log.lost.clear()
    history.raw_log.replaced[5] = RawCommit(5, commit.job_id, commit.raw[:-1])
    found = (await history.found())["log and archive"]
    assert "damaged" in found.text


async def test_a_chain_that_is_broken_in_both_copies(history: StoredHistory) -> None:
    """The same other commit is in log and archive, but those after it of the job do not continue it."""
    job_id = history.jobs.job_ids[0]
    first, second = history.store._positions[job_id][:2]
    history.store._log[first - 1] = rewritten(history.store._log, change=first)[first - 1]
    await replace_history(history.database.connection, history.database.url, history.store, history.jobs.keys)
    found = (await history.found())["log and archive"]
    assert (found.position, found.job_id) == (second, job_id)
    assert f"the one before it of the job is at {first}, with another hash" in found.text


async def test_an_administrator_without_the_key_is_found(history: StoredHistory) -> None:
    """A job is dropped, another's actor is changed, everything is chained and made again, the tree too or not."""
    drop = history.jobs.job_ids[3]
    position = history.store._positions[drop][0]
    await history.rewrite(drop, change=1 + position)
    found = await history.found()
    assert found.keys() == {"tree"}
    assert found["tree"].position == position
    assert found["tree"].job_id == decode_commit(position, history.store._log[position - 1]).commit.job_id
    await history.make_tree_again(heads=False)
    found = await history.found()
    assert found.keys() == {"tree"}
    assert "is another one than when head 1 of the tree was signed" in found["tree"].text


async def test_an_administrator_with_the_key_is_found_by_a_copy(
    history: StoredHistory, tmp_path: Path
) -> None:
    """All heads are signed again. A copy of the heads contradicts them, and the hashes of a witness name the commit."""
    drop = history.jobs.job_ids[-3]
    position = history.store._positions[drop][0]
    copy = copied(history, tmp_path)
    await history.rewrite(drop, change=0)
    await history.make_tree_again(heads=True)
    await history.sign()
    assert await history.found() == {}
    found = (await history.found(copy))["tree"]
    assert found.position >= position
    assert "of the tree" in found.text


async def test_the_hashes_of_a_witness_name_the_commit(history: StoredHistory, tmp_path: Path) -> None:
    change = 50
    copy = copied(history, tmp_path, leaves=90)
    await history.rewrite("", change=change)
    await history.make_tree_again(heads=True)
    await history.sign()
    found = (await history.found(copy))["tree"]
    assert (found.position, found.text) == (change, "the commit is another one than the witness has seen")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            "UPDATE kinolog.reads SET actor = 'eve' WHERE batch = 2",
            "batch 2 of the recorded reads: the reads that",
        ),
        (
            "DELETE FROM kinolog.reads WHERE batch = 1",
            "batch 1 of the recorded reads: the reads that questions",
        ),
        (
            "UPDATE kinolog.reads SET batch = 9 WHERE batch = 3",
            "batch 3 of the recorded reads: the reads that",
        ),
        (
            "UPDATE kinolog.read_batches SET raw = 'x' WHERE number = 3",
            "batch 3 of the recorded reads: the stream",
        ),
        (
            "UPDATE kinolog.read_batches SET tenant = 'eve' WHERE number = 1",
            "batch 1 of the recorded reads: the",
        ),
    ],
)
async def test_reads_that_differ(history: StoredHistory, change: LiteralString, text: str) -> None:
    """The first batch whose bytes or rows are not what was recorded."""
    await history.database.connection.execute(change)
    result = await history.verify()
    ((part, difference),) = result.differences
    assert part == "reads"
    assert text in str(difference)


async def test_a_batch_of_reads_that_is_missing(history: StoredHistory) -> None:
    """One that was taken away with its rows, between two of its api; the oldest ones may be deleted."""
    connection = history.database.connection
    await history.reads.append(replace(BATCH, recorder="api-1", number=4))
    await history.record_reads()
    result = await history.verify()
    assert "1 before it of the api process api-1 are missing" in str(result.differences)
    await connection.execute("DELETE FROM kinolog.read_batches WHERE number < 4")
    await connection.execute("DELETE FROM kinolog.reads WHERE batch < 4")
    assert (await history.verify()).holds


async def test_hashes_of_the_tree_that_are_missing(history: StoredHistory) -> None:
    """The first commit without its hash is named: in a gap, at the end, and below a hash above the commits."""
    await history.jobs.many(200)
    await history.database.catch_up(history.store, history.jobs.keys)
    await history.sign()
    connection, size = history.database.connection, await history.store.last_position()
    assert size > 2 * 256
    for change, position, text in (
        ("DELETE FROM kinolog.tree_tiles WHERE level = 1", 1, "the stored tree lacks the hashes above"),
        (
            "UPDATE kinolog.tree_tiles SET hashes = substring(hashes FROM 1 FOR 320) WHERE (level, number) = (0, 0)",
            11,
            "the stored tree lacks the hash of the commit, and has later ones",
        ),
        (
            "DELETE FROM kinolog.tree_tiles WHERE (level, number) = (0, 0)",
            1,
            "the stored tree lacks the hash of",
        ),
        (
            "DELETE FROM kinolog.tree_tiles",
            1,
            f"the stored tree has 0 commits, and a head of {size} was signed",
        ),
    ):
        await connection.execute(change)
        ((part, difference),) = (await history.verify()).differences
        assert part == "tree"
        assert difference.position == position, difference
        assert difference.text.startswith(text), difference
