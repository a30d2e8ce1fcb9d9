"""A database that has lost signed heads of the tree gets them back from their file, and the numbers go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kinolog_projector.tree.head_signer import HeadRules

from kinolog.merkle.signed_head import SignedHead
from kinolog.process.files.head_keys import new_head_key, read_head_keys, rotated_head_keys
from kinolog.readmodel.database import Connection
from tests.integration.readmodel_database import projected
from tests.integration.test_commit_tree import archive, heads, signer, witnessed, write


@pytest.fixture
async def connection(migrated_database_url: str) -> AsyncIterator[Connection]:
    """A connection to a migrated database."""
    async with projected(migrated_database_url) as database:
        yield database.connection


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with a key that signs heads."""
    path = tmp_path / "tree.key"
    write(path, new_head_key())
    return path


@pytest.fixture
def rules(tmp_path: Path, key_file: Path) -> HeadRules:
    """A head is signed for each commit, and appended to a file."""
    return HeadRules(key_file=key_file, heads_file=tmp_path / "heads.log", every_commits=1)


async def sign(connection: Connection, rules: HeadRules, times: int = 1) -> None:
    """Sign heads, each after two more commits."""
    for _ in range(times):
        await archive(connection, 2)
        await (await signer(connection, rules)).sign_if_due()


@pytest.fixture
async def lost(connection: Connection, rules: HeadRules) -> list[SignedHead]:
    """Three heads that only the file has, as when the database was made again from the log."""
    await sign(connection, rules, 3)
    signed = await heads(connection)
    async with connection.transaction():
        await connection.execute("DELETE FROM kinolog.tree_tiles")
        await connection.execute("ALTER TABLE kinolog.tree_heads DISABLE TRIGGER USER")
        await connection.execute("DELETE FROM kinolog.tree_heads")
        await connection.execute("ALTER TABLE kinolog.tree_heads ENABLE TRIGGER USER")
    return signed


async def test_a_witness_finds_no_contradiction(
    connection: Connection, rules: HeadRules, key_file: Path, tmp_path: Path, lost: list[SignedHead]
) -> None:
    """The next head continues those of the file, also after two new keys."""
    for _ in range(2):
        write(key_file, rotated_head_keys(read_head_keys(key_file)))
    await sign(connection, rules)
    *earlier, last = await heads(connection)
    assert earlier == lost
    assert last.number == 4
    assert witnessed(tmp_path / "heads.log").seen.signed == last


async def test_heads_of_commits_that_are_lost_stay_away(
    connection: Connection, rules: HeadRules, lost: list[SignedHead]
) -> None:
    await connection.execute("UPDATE kinolog.log_checkpoint SET position = 4")
    await signer(connection, rules)
    assert await heads(connection) == lost[:2]


async def test_heads_of_another_key_stay_away(
    connection: Connection, rules: HeadRules, key_file: Path, lost: list[SignedHead]
) -> None:
    """Whoever writes to the file, but has no key, adds no head to the database."""
    write(key_file, new_head_key())
    await signer(connection, rules)
    assert not await heads(connection)
    assert len(lost) == 3
