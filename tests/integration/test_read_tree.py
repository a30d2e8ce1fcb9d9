"""The tree over recorded reads: in signed heads, and what differs from it, named by its number."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import LiteralString

import pytest
from kinolog_projector.tree.commit_tree import DELETED_LEAF, READS, DamagedTree
from kinolog_projector.tree.head_signer import HeadRules
from kinolog_projector.tree.published_heads import published_heads
from kinolog_projector.verify.difference import DifferenceFound
from kinolog_projector.verify.read_tree import ReadTreeComparison

from kinolog.merkle.hash_tiles import GrowingTree
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.witness import HistoryRewritten, Witness
from kinolog.process.files.head_keys import new_head_key
from kinolog.readmodel.database import Connection
from tests.integration.grown_tree import grown
from tests.integration.readmodel_database import Projected, projected
from tests.integration.test_commit_tree import NOW, archive, heads, signer

ADD = (
    "INSERT INTO kinolog.read_batches (number, position, tenant, at, raw)"
    " SELECT n, n, 'studio', now(), convert_to('batch ' || n, 'UTF8')"
    " FROM generate_series((SELECT coalesce(max(number), 0) + 1 FROM kinolog.read_batches),"
    " (SELECT coalesce(max(number), 0) + %s FROM kinolog.read_batches)) AS n"
)


@pytest.fixture
async def database(migrated_database_url: str) -> AsyncIterator[Projected]:
    """A database with one commit."""
    async with projected(migrated_database_url) as found:
        await archive(found.connection, 1)
        yield found


@pytest.fixture
def rules(tmp_path: Path) -> HeadRules:
    """A key, and a head for each change."""
    key = tmp_path / "tree.key"
    key.write_text(new_head_key(), encoding="ascii")
    return HeadRules(key_file=key, heads_file=tmp_path / "heads.log", every_commits=1)


async def record(connection: Connection, count: int) -> None:
    """Archive batches of reads."""
    await connection.execute(ADD, [count])


async def sign(database: Projected, rules: HeadRules) -> None:
    """Grow both trees by a commit and what was recorded, and sign a head."""
    await archive(database.connection, 1)
    await (await signer(database.connection, rules)).sign_if_due()


def root_of(batches: int) -> bytes:
    """Return the root of the tree of these batches, computed elsewhere."""
    tree = GrowingTree()
    tree.append(leaf_hash(f"batch {number}".encode()) for number in range(1, batches + 1))
    return tree.root()


async def compared(database: Projected, *witnessed: bytes) -> str:
    """Return what a comparison finds; nothing if nothing differs."""
    made = ReadTreeComparison(database.connection, await heads(database.connection), witnessed)
    try:
        await made.run()
    except DifferenceFound as found:
        return str(found)
    return ""


async def test_heads_state_the_reads(database: Projected, rules: HeadRules) -> None:
    """Each continues the one before. A witness of the file accepts them."""
    sizes = list[int]()
    for count in (0, 1, 254, 300):
        await record(database.connection, count)
        sizes.append((sizes[-1] if sizes else 0) + count)
        await sign(database, rules)
    stated = [head.head.reads for head in await heads(database.connection)]
    assert [reads.size if reads else 0 for reads in stated] == sizes
    assert stated[-1] is not None
    assert stated[-1].root == root_of(555)
    first, *others = await published_heads(database.connection, 0, 10)
    seen = Witness.begin(first)
    for head in others:
        seen = seen.accept(head)
    assert await compared(database) == ""


async def test_reads_alone_are_a_reason_to_sign(database: Projected, rules: HeadRules) -> None:
    """After the interval, without a new commit."""
    await sign(database, rules)
    await record(database.connection, 2)
    later = NOW + rules.every
    await (await signer(database.connection, rules, lambda: later)).sign_if_due()
    last = (await heads(database.connection))[-1].head
    assert (last.reads is not None and last.reads.size) == 2
    assert last.size == (await heads(database.connection))[0].head.size


async def test_what_was_deleted_stays_in_the_tree(database: Projected, rules: HeadRules) -> None:
    """Its hash, of which the heads are. What is missing without a deletion is named."""
    await record(database.connection, 300)
    await sign(database, rules)
    connection = database.connection
    await connection.execute("DELETE FROM kinolog.read_batches WHERE number <= 20")
    tree = await grown(connection, READS)
    with pytest.raises(DamagedTree, match=r"the archive lacks the batch of recorded reads 1$"):
        await tree.compare(0)
    assert "batch 1 of the recorded reads: it is missing, and was not too old" in await compared(database)
    await connection.execute("INSERT INTO kinolog.read_deletions VALUES (20, now(), 0, true)")
    assert await tree.compare(0)
    assert await compared(database) == ""
    await record(connection, 10)
    await sign(database, rules)
    last = (await heads(connection))[-1].head.reads
    assert last is not None
    assert last.root == root_of(310)


async def test_a_deletion_of_young_reads_is_found(database: Projected, rules: HeadRules) -> None:
    """A row says that they were too old. The head that has them was signed a moment ago."""
    await record(database.connection, 30)
    await sign(database, rules)
    connection = database.connection
    await connection.execute("DELETE FROM kinolog.read_batches WHERE number <= 20")
    await connection.execute(
        "INSERT INTO kinolog.read_deletions SELECT 20, signed_at + interval '1 hour', 90, false"
        " FROM kinolog.tree_heads"
    )
    found = await compared(database)
    assert found == "batch 20 of the recorded reads: it was deleted before it was too old to be kept"
    await connection.execute("UPDATE kinolog.read_deletions SET deleted_at = deleted_at + interval '90 days'")
    assert await compared(database) == ""


async def test_reads_of_before_the_tree(database: Projected, rules: HeadRules) -> None:
    """Those that an earlier version deleted have the hash of nothing."""
    await record(database.connection, 3)
    await database.connection.execute("DELETE FROM kinolog.read_batches WHERE number <= 2")
    await database.connection.execute("INSERT INTO kinolog.read_deletions VALUES (2, now(), 0, true)")
    tree = await grown(database.connection, READS)
    expected = GrowingTree()
    expected.append([DELETED_LEAF, DELETED_LEAF, leaf_hash(b"batch 3")])
    assert (tree.size, await tree.root(3)) == (3, expected.root())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("UPDATE kinolog.read_batches SET raw = 'x' WHERE number = 17", "number 17"),
        ("DELETE FROM kinolog.read_batches WHERE number = 299", "number 299"),
        ("DELETE FROM kinolog.read_batches WHERE number = 300", "number 300"),
    ],
)
async def test_a_changed_batch_is_named(
    database: Projected, rules: HeadRules, change: LiteralString, text: str
) -> None:
    """By the comparison that goes on all the time, and by that of everything."""
    await record(database.connection, 300)
    await sign(database, rules)
    tree = await grown(database.connection, READS)
    await database.connection.execute(change)
    number = text.rpartition(" ")[2]
    with pytest.raises(DamagedTree, match=f"the batch of recorded reads {number}"):
        await tree.compare((int(number) - 1) // 256)
    assert f"batch {number} of the recorded reads" in await compared(database)


async def test_whoever_makes_the_tree_again_is_found(database: Projected, rules: HeadRules) -> None:
    """By the heads, between two of which the batch is; and by the hashes of a witness, which name it."""
    for count in (100, 100, 100):
        await record(database.connection, count)
        await sign(database, rules)
    witnessed = b"".join(leaf_hash(f"batch {number}".encode()) for number in range(1, 301))
    connection = database.connection
    assert await compared(database, witnessed) == ""
    await connection.execute("UPDATE kinolog.read_batches SET raw = 'x' WHERE number = 150")
    await connection.execute("DELETE FROM kinolog.read_tree_tiles")
    await grown(connection, READS)
    assert "batch 200 of the recorded reads: this one, or one from 101 on" in await compared(database)
    assert "batch 150 of the recorded reads: it is another one than the witness" in await compared(
        database, witnessed
    )
    with pytest.raises(
        DamagedTree, match="the first 300 batches of recorded reads are not those of the signed"
    ):
        await sign(database, rules)


async def test_a_record_that_is_begun_again(database: Projected, rules: HeadRules) -> None:
    """As when the database was lost: heads go on, and a witness and the comparison say that it is another record."""
    await record(database.connection, 10)
    await sign(database, rules)
    seen = Witness.begin((await published_heads(database.connection, 0, 1))[0])
    connection = database.connection
    await connection.execute("DELETE FROM kinolog.read_batches WHERE number <= 5")
    await connection.execute("UPDATE kinolog.read_batches SET number = number - 5")
    await connection.execute("DELETE FROM kinolog.read_tree_tiles")
    await sign(database, rules)
    (later,) = await published_heads(connection, 1, 1)
    with pytest.raises(HistoryRewritten, match="of another record of reads"):
        seen.accept(later)
    assert "head 1 of the tree is of another record of reads" in await compared(database)


async def test_an_end_that_was_taken_away(database: Projected, rules: HeadRules) -> None:
    """With its hashes."""
    await record(database.connection, 10)
    await sign(database, rules)
    connection = database.connection
    await connection.execute("DELETE FROM kinolog.read_batches WHERE number > 4")
    await connection.execute("DELETE FROM kinolog.read_tree_tiles")
    await grown(connection, READS)
    assert "head 1 of the tree states 10 batches, but there are 4: the end is missing" in await compared(
        database
    )
    with pytest.raises(
        DamagedTree, match="a head of 10 batches of recorded reads was signed, but there are 4"
    ):
        await sign(database, rules)


async def test_tiles_above_the_batches(database: Projected, rules: HeadRules) -> None:
    await record(database.connection, 600)
    await sign(database, rules)
    await database.connection.execute("DELETE FROM kinolog.read_tree_tiles WHERE level = 1")
    assert "the stored tree lacks the hashes above it" in await compared(database)
