"""The tree over all commits, in a database: it grows, its heads are signed, and what was changed is named."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial, reduce
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kinolog_projector.tree import head_signer, tree_follower
from kinolog_projector.tree.commit_tree import READS, CommitTree, DamagedTree, TreeConflict, read_tiles
from kinolog_projector.tree.head_signer import HeadRules, HeadSigner
from kinolog_projector.tree.stored_heads import heads_after
from kinolog_projector.tree.tree_follower import TreeAlarm, TreeFollower

from kinolog.merkle.hash_tiles import GrowingTree, HashTileId
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import NoteKey, verified_text
from kinolog.merkle.tree_head import TreeHead
from kinolog.merkle.witness import HistoryRewritten, PublishedHead, Witness
from kinolog.ports.clock import system_clock
from kinolog.process.files.head_keys import new_head_key, read_head_keys, rotated_head_keys
from kinolog.readmodel.database import Connection
from kinolog.readmodel.postgres import PostgresReadModel
from tests.adapters.memory.alarms import MemoryAlarms
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until, until_true
from tests.integration.grown_tree import grown
from tests.integration.readmodel_database import Projected, projected

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
async def database(migrated_database_url: str) -> AsyncIterator[Projected]:
    """A migrated database."""
    async with projected(migrated_database_url) as found:
        yield found


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with a key that signs heads."""
    path = tmp_path / "tree.key"
    path.write_text(new_head_key(), encoding="ascii")
    return path


async def archive(connection: Connection, count: int) -> None:
    """Add commits to the archive, which for the tree are bytes."""
    await connection.execute(
        "INSERT INTO kinolog.archive SELECT position, 'job', convert_to('commit ' || position, 'UTF8'), ''"
        " FROM generate_series((SELECT position + 1 FROM kinolog.log_checkpoint),"
        " (SELECT position + %s FROM kinolog.log_checkpoint)) AS position",
        [count],
    )
    await connection.execute("UPDATE kinolog.log_checkpoint SET position = position + %s", [count])


def root_of(size: int) -> bytes:
    """Return the root of the tree of these commits, computed elsewhere."""
    tree = GrowingTree()
    tree.append(leaf_hash(f"commit {position}".encode()) for position in range(1, size + 1))
    return tree.root()


async def rewrite(connection: Connection, position: int) -> None:
    """Change a commit of the archive, as an administrator may."""
    async with connection.transaction():
        await connection.execute("ALTER TABLE kinolog.archive DISABLE TRIGGER USER")
        await connection.execute("UPDATE kinolog.archive SET raw = 'other' WHERE position = %s", [position])
        await connection.execute("ALTER TABLE kinolog.archive ENABLE TRIGGER USER")


async def signer(
    connection: Connection, rules: HeadRules, clock: Callable[[], datetime] = lambda: NOW
) -> HeadSigner:
    """Return a signer of heads of the grown tree."""
    made = HeadSigner(connection, await grown(connection), await grown(connection, READS), rules, clock)
    await made.open()
    return made


async def heads(connection: Connection) -> list[SignedHead]:
    """Return all signed heads."""
    return await heads_after(connection, 0, 100)


def noted(file: Path) -> list[str]:
    """Return the notes in a file of heads. A line that was cut off has none."""
    notes = []
    for line in file.read_text("utf-8").splitlines():
        with contextlib.suppress(ValueError):
            notes.append(json.loads(line)["note"])
    return notes


def file_bytes(file: Path) -> int:
    """Return the size of a file."""
    return file.stat().st_size


def write(file: Path, text: str) -> None:
    """Put a text in the place of a file."""
    file.write_text(text, encoding="ascii")


def _same(value: datetime) -> datetime:
    return value


async def test_the_tree_has_all_commits_after_any_restart(database: Projected) -> None:
    for count in (1, 254, 1, 300):
        await archive(database.connection, count)
        tree = await grown(database.connection)
    assert tree.size == 556
    assert await tree.root(556) == root_of(556)
    assert await tree.root(300) == root_of(300)


async def test_of_two_processes_one_writes(database: Projected) -> None:
    await archive(database.connection, 3)
    slower = await CommitTree.open(database.connection)
    await grown(database.connection)
    with pytest.raises(TreeConflict):
        await slower.grow()


async def test_heads_follow_commits_and_time(database: Projected, key_file: Path, tmp_path: Path) -> None:
    """A head is signed at first, after so many commits, and after so much time if there are commits."""
    rules = HeadRules(
        key_file=key_file,
        heads_file=tmp_path / "heads.log",
        every_commits=10,
        every=timedelta(minutes=1),
    )
    await archive(database.connection, 3)
    seconds = 0
    for new, later in ((0, 0), (0, 90), (1, 10), (9, 0), (1, 0), (0, 70), (1, -3600)):
        await archive(database.connection, new)
        seconds += later
        now = NOW + timedelta(seconds=seconds)
        await (await signer(database.connection, rules, partial(_same, now))).sign_if_due()
    signed = await heads(database.connection)
    assert [(each.head.size, each.head.root) for each in signed] == [
        (size, root_of(size)) for size in (3, 4, 14, 15)
    ]
    assert noted(tmp_path / "heads.log") == [each.note for each in signed]
    assert witnessed(tmp_path / "heads.log").seen.signed == signed[-1]


async def test_a_line_of_the_file_that_was_cut_off_is_written_again(
    database: Projected, key_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "heads.log"
    rules = HeadRules(key_file=key_file, heads_file=file, every_commits=1)
    for _ in range(2):
        await archive(database.connection, 1)
        await (await signer(database.connection, rules)).sign_if_due()
    whole = noted(file)
    os.truncate(file, file_bytes(file) - 5)
    await signer(database.connection, rules)
    assert noted(file)[-1:] == whole[-1:]
    assert len(whole) == 2


async def test_a_file_that_was_taken_away_is_filled_again(
    database: Projected, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is filled a few heads at a time, between which the tree goes on."""
    monkeypatch.setattr(head_signer, "HEADS_PER_WRITE", 3)
    file, connection = tmp_path / "heads.log", database.connection
    rules = HeadRules(key_file=key_file, heads_file=file, every_commits=1)
    for _ in range(6):
        await archive(connection, 1)
        await (await signer(connection, rules)).sign_if_due()
    whole = file_bytes(file)
    os.remove(file)
    signing = await signer(connection, rules)
    counts = [len(noted(file))]
    for _ in range(3):
        await signing.sign_if_due()
        counts.append(len(noted(file)))
    assert counts == [3, 6, 6, 6]
    assert file_bytes(file) == whole
    assert witnessed(file).seen.signed.number == 6


async def test_a_new_key_is_introduced_by_the_one_before(database: Projected, key_file: Path) -> None:
    rules = HeadRules(key_file=key_file, every_commits=1)
    (first,) = read_head_keys(key_file)
    await archive(database.connection, 1)
    await (await signer(database.connection, rules)).sign_if_due()
    write(key_file, rotated_head_keys([first]))
    for _ in range(2):
        await archive(database.connection, 1)
        await (await signer(database.connection, rules)).sign_if_due()
    second = NoteKey.of(read_head_keys(key_file)[0])
    signed = await heads(database.connection)
    assert [each.key for each in signed] == [NoteKey.of(first), second, second]
    handover = signed[1]
    assert TreeHead.of(verified_text(handover.note, handover.head.origin, NoteKey.of(first))).size == 2
    assert [each.note.count("\N{EM DASH} ") for each in signed] == [1, 2, 1]


async def test_a_key_that_cannot_be_read_is_a_problem_until_it_can(
    database: Projected, key_file: Path
) -> None:
    (first,) = read_head_keys(key_file)
    await archive(database.connection, 1)
    signing = await signer(database.connection, HeadRules(key_file=key_file))
    write(key_file, "nothing")
    await signing.sign_if_due()
    assert "must hold Ed25519 keys" in signing.problem
    write(key_file, rotated_head_keys([first]))
    await signing.sign_if_due()
    assert (signing.problem, len(await heads(database.connection))) == ("", 1)


async def test_a_rewritten_history_contradicts_the_signed_head(database: Projected, key_file: Path) -> None:
    """Whoever makes the tree again of changed commits cannot make the head again."""
    connection = database.connection
    await archive(connection, 300)
    await (await signer(connection, HeadRules(key_file=key_file))).sign_if_due()
    await rewrite(connection, 7)
    await connection.execute("DELETE FROM kinolog.tree_tiles")
    with pytest.raises(DamagedTree, match="the first 300 commits are not those of the signed head"):
        await signer(connection, HeadRules(key_file=key_file))


def witnessed(file: Path, seen: Witness | None = None) -> Witness:
    """Return what a witness remembers after the heads of a file."""
    heads = [PublishedHead.of(line) for line in file.read_text("utf-8").splitlines()]
    return reduce(Witness.accept, heads, seen or Witness.begin(heads[0]))


async def test_an_administrator_with_the_key_is_found_by_a_witness(
    database: Projected, key_file: Path, tmp_path: Path
) -> None:
    """Log, archive, tree and heads are made again, and nothing here contradicts them. The witness remembers."""
    file = tmp_path / "heads.log"
    rules, connection = HeadRules(key_file=key_file, heads_file=file, every_commits=1), database.connection
    for count in (300, 5):
        await archive(connection, count)
        await (await signer(connection, rules)).sign_if_due()
    seen = witnessed(file)
    assert (seen.seen.signed.number, seen.seen.signed.head.size) == (2, 305)
    await rewrite(connection, 7)
    async with connection.transaction():
        await connection.execute("DELETE FROM kinolog.tree_tiles")
        await connection.execute("ALTER TABLE kinolog.tree_heads DISABLE TRIGGER USER")
        await connection.execute("DELETE FROM kinolog.tree_heads")
        await connection.execute("ALTER TABLE kinolog.tree_heads ENABLE TRIGGER USER")
    os.remove(file)
    for _ in range(3):
        await archive(connection, 1)
        await (await signer(connection, rules)).sign_if_due()
    assert witnessed(file).seen.signed.number == 3
    with pytest.raises(HistoryRewritten, match="head 2 is another one"):
        witnessed(file, seen)


async def test_the_api_reads_heads_and_hashes(database: Projected, key_file: Path) -> None:
    model = await PostgresReadModel.connect(database.url, 1)
    try:
        assert await model.last_tree_head() is None
        await archive(database.connection, 300)
        await (await signer(database.connection, HeadRules(key_file=key_file))).sign_if_due()
        (signed,) = await heads(database.connection)
        assert await model.last_tree_head() == signed
        wanted = [HashTileId(1, 0), HashTileId(0, 1), HashTileId(0, 9)]
        tiles = await model.hash_tiles(wanted)
        assert tiles == await read_tiles(database.connection, wanted)
        assert {tile: len(hashes) for tile, hashes in tiles.items()} == {
            HashTileId(1, 0): 32,
            HashTileId(0, 1): 44 * 32,
        }
    finally:
        await model.close()


async def test_a_head_that_another_key_signed_is_a_change(database: Projected, key_file: Path) -> None:
    connection = database.connection
    await archive(connection, 2)
    await (await signer(connection, HeadRules(key_file=key_file))).sign_if_due()
    other = NoteKey.of(Ed25519PrivateKey.generate())
    async with connection.transaction():
        await connection.execute("ALTER TABLE kinolog.tree_heads DISABLE TRIGGER USER")
        await connection.execute("UPDATE kinolog.tree_heads SET public_key = %s", [other.public])
        await connection.execute("ALTER TABLE kinolog.tree_heads ENABLE TRIGGER USER")
    with pytest.raises(DamagedTree, match="the signed head 1 was changed"):
        await signer(connection, HeadRules(key_file=key_file))


async def test_a_history_that_lost_its_end_is_not_continued(database: Projected) -> None:
    await archive(database.connection, 5)
    tree = await grown(database.connection)
    await database.connection.execute("UPDATE kinolog.log_checkpoint SET position = 4")
    with pytest.raises(DamagedTree, match="the tree has 5 commits, but the archive ends at position 4"):
        await tree.grow()


class NotedTreeAlarm(TreeAlarm):
    """The alarm, and all that it was told."""

    def __init__(self, alarms: MemoryAlarms) -> None:
        super().__init__(alarms, "audit-tree", system_clock)
        self.told: list[str] = []

    async def update(self, problem: str) -> None:
        """Note the problem."""
        self.told.append(problem)
        await super().update(problem)


async def test_a_changed_commit_is_an_alarm_that_names_its_position(
    database: Projected, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The follower adds what comes, has heads signed, and finds a change anywhere. The alarm stays from then on."""
    for pause in ("POLL_SECONDS", "PASS_SECONDS", "RETRY_SECONDS"):
        monkeypatch.setattr(tree_follower, pause, 0.02)
    alarm, caught_up = NotedTreeAlarm(MemoryAlarms()), asyncio.Event()
    follower = TreeFollower(database.url, HeadRules(key_file=key_file), alarm, system_clock)
    await archive(database.connection, 600)
    async with background_task(follower.run(database.writer, caught_up)):
        await until_true(lambda: follower.size == 600, "the tree has what is archived")
        assert not await heads(database.connection)  # the log may have more commits that were signed
        caught_up.set()
        await until(lambda: heads(database.connection), "a head is signed")
        await rewrite(database.connection, 300)
        await until_true(lambda: sum(map(bool, alarm.told)) > 2, "the change is found again and again")
    problems = alarm.told[alarm.told.index(next(filter(None, alarm.told))) :]
    assert all("the commit at position 300 is another one" in alarm.details(each) for each in problems)
    assert "300" not in alarm.text(problems[0])
