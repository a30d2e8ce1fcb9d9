"""Certificates of erasure in a database: what is certified, when, in which order, and what waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import LiteralString

import pytest
from kinolog_projector.tree import erasure_certifier
from kinolog_projector.tree.commit_tree import READS, CommitTree, DamagedTree
from kinolog_projector.tree.erasure_certifier import ErasureCertifier
from kinolog_projector.tree.head_signer import HeadRules, HeadSigner
from kinolog_projector.verify.certificates import CertificateComparison
from kinolog_projector.verify.difference import Difference, DifferenceFound

from kinolog.job.commands import Cancel, Erase, FinishErasure
from kinolog.merkle.erasure_certificate import SignedCertificate
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.signed_head import SignedHead
from kinolog.process.files.head_keys import new_head_key
from kinolog.readmodel.postgres import PostgresReadModel
from tests.builders.memory_jobs import MemoryJobs
from tests.integration.readmodel_database import Projected, projected

NOW = datetime(2026, 11, 28, tzinfo=UTC)
HASH = "ab" * 32


@pytest.fixture
async def database(migrated_database_url: str) -> AsyncIterator[Projected]:
    """A migrated database."""
    async with projected(migrated_database_url) as found:
        yield found


@pytest.fixture
async def reader(migrated_database_url: str) -> AsyncIterator[PostgresReadModel]:
    """The read model of that database."""
    model = await PostgresReadModel.connect(migrated_database_url)
    yield model
    await model.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with a key that signs heads."""
    path = tmp_path / "tree.key"
    path.write_text(new_head_key(), encoding="ascii")
    return path


async def erase(jobs: MemoryJobs, job_id: str, erasure_id: str, *, finish: bool = True) -> None:
    """Erase a job of an erasure, and record its end."""
    await jobs.send(job_id, Cancel(id=jobs.command_id(), actor="ann"))
    await jobs.send(job_id, Erase(id=jobs.command_id(), actor="ann", erasure_id=erasure_id))
    if finish:
        await finished(jobs, job_id)


async def finished(jobs: MemoryJobs, job_id: str) -> None:
    """Record the end of an erasure."""
    await jobs.send(job_id, FinishErasure(id=jobs.command_id(), actor="kinolog", files=2, sha256=(HASH,)))


async def scrubbed(database: Projected) -> None:
    """Note that no file of the database holds erased texts."""
    await database.connection.execute("DELETE FROM kinolog.erased_prompts")


async def signed(database: Projected, key_file: Path) -> tuple[ErasureCertifier, SignedHead | None]:
    """Sign a head of all commits. Return it, and what certifies erasures under it."""
    tree = await CommitTree.open(database.connection)
    while await tree.grow():
        pass
    rules = HeadRules(key_file=key_file, every_commits=1)
    reads = await CommitTree.open(database.connection, READS)
    signer = HeadSigner(database.connection, tree, reads, rules, lambda: NOW)
    await signer.open()
    await signer.sign_if_due()
    return ErasureCertifier(database.connection, tree, key_file, lambda: NOW), signer.last_signed


async def certify(database: Projected, key_file: Path) -> int:
    """Sign a head of all commits, and certify what it has. Return how many jobs were certified."""
    certifier, head = await signed(database, key_file)
    jobs = 0
    while certified := await certifier.certify(head):
        jobs += certified
    return jobs


def named(found: list[SignedCertificate]) -> list[tuple[int, str, list[str]]]:
    """Return number, erasure and jobs of certificates, each checked."""
    stated = [(one.number, one.certificate) for one in found]
    return [(number, one.erasure_id, [job.job_id for job in one.jobs]) for number, one in stated]


async def test_each_erasure_gets_certificates(
    database: Projected, reader: PostgresReadModel, key_file: Path
) -> None:
    """Of one tenant by themselves, in the order of the commits that finish them."""
    jobs = MemoryJobs()
    a, b, c, kept = [await jobs.submit(f"job {number}") for number in range(4)]
    foreign = await jobs.submit("of another", tenant="other")
    await erase(jobs, b, "first")
    await erase(jobs, foreign, "theirs")
    await erase(jobs, a, "first")
    await erase(jobs, c, "second")
    await database.catch_up(jobs.store, jobs.keys)
    await scrubbed(database)
    assert await certify(database, key_file) == 4
    found = await reader.erasure_certificates("default")
    assert sorted(named(found)) == [(1, "first", [b, a]), (2, "second", [c])]
    assert named(await reader.erasure_certificates("other")) == [(1, "theirs", [foreign])]
    assert named(await reader.erasure_certificates("default", job_id=a)) == [(1, "first", [b, a])]
    assert named(await reader.erasure_certificates("default", erasure_id="second")) == [(2, "second", [c])]
    assert await reader.erasure_certificates("default", job_id=kept) == []
    assert await reader.erasure_certificates("default", job_id=foreign) == []
    assert [one.number for one in await reader.erasure_certificates("default", after=1, limit=1)] == [2]
    stated = found[0].certificate
    history = [recorded async for recorded in jobs.store.history(b)]
    erased, ended = history[-2:]
    assert (stated.actor, stated.tenant, stated.head_number) == ("ann", "default", 1)
    job = stated.jobs[0]
    assert (job.erased_position, job.position, job.leaf) == (
        erased.position,
        ended.position,
        leaf_hash(ended.raw),
    )
    assert (job.files, job.sha256) == (2, (HASH,))
    assert await certify(database, key_file) == 0


async def test_an_erasure_is_certified_when_it_is_finished(
    database: Projected, reader: PostgresReadModel, key_file: Path
) -> None:
    """Its data deleted, and its texts in no file of the database."""
    jobs = MemoryJobs()
    slow, fast = await jobs.submit("slow"), await jobs.submit("fast")
    await database.catch_up(jobs.store, jobs.keys)
    await erase(jobs, slow, "one", finish=False)
    await erase(jobs, fast, "two")
    await database.catch_up(jobs.store, jobs.keys)
    assert await certify(database, key_file) == 0
    await scrubbed(database)
    assert await certify(database, key_file) == 1
    await finished(jobs, slow)
    await database.catch_up(jobs.store, jobs.keys)
    assert await certify(database, key_file) == 1
    assert named(await reader.erasure_certificates("default")) == [(1, "two", [fast]), (2, "one", [slow])]


async def test_an_archive_that_lacks_an_erasure_certifies_nothing(
    database: Projected, key_file: Path
) -> None:
    """It is damage, which the alarm about the tree names."""
    jobs = MemoryJobs()
    job_id = await jobs.submit("a job")
    await erase(jobs, job_id, "one")
    await database.catch_up(jobs.store, jobs.keys)
    await scrubbed(database)
    certifier, head = await signed(database, key_file)
    erased = [recorded.position async for recorded in jobs.store.history(job_id)][-2]
    async with database.connection.transaction():
        await database.connection.execute("ALTER TABLE kinolog.archive DISABLE TRIGGER USER")
        await database.connection.execute("DELETE FROM kinolog.archive WHERE position = %s", [erased])
        await database.connection.execute("ALTER TABLE kinolog.archive ENABLE TRIGGER USER")
    with pytest.raises(DamagedTree, match=f"lacks the commit at position {erased}"):
        await certifier.certify(head)


async def test_a_large_erasure_has_several_certificates(
    database: Projected, reader: PostgresReadModel, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure_certifier, "MAX_JOBS", 2)
    jobs = MemoryJobs()
    made = [await jobs.submit(f"job {number}") for number in range(5)]
    for job_id in made:
        await erase(jobs, job_id, "all")
    await database.catch_up(jobs.store, jobs.keys)
    await scrubbed(database)
    assert await certify(database, key_file) == 5
    found = named(await reader.erasure_certificates("default", erasure_id="all"))
    assert found == [(1, "all", made[:2]), (2, "all", made[2:4]), (3, "all", made[4:])]


async def test_erasures_of_earlier_versions_have_no_id(
    database: Projected, reader: PostgresReadModel, key_file: Path
) -> None:
    """They are certified once their end is recorded. Without a key nothing is."""
    jobs = MemoryJobs()
    job_id = await jobs.submit("old")
    await erase(jobs, job_id, "")
    await database.catch_up(jobs.store, jobs.keys)
    await scrubbed(database)
    tree = await CommitTree.open(database.connection)
    assert await ErasureCertifier(database.connection, tree, None, lambda: NOW).certify(None) == 0
    assert await certify(database, key_file) == 1
    assert named(await reader.erasure_certificates("default")) == [(1, "", [job_id])]


async def differing(database: Projected) -> Difference | None:
    """Compare all certificates as `kinolog audit verify-all` does. Return the first difference."""
    try:
        await CertificateComparison(database.connection).run()
    except DifferenceFound as found:
        return found.difference
    return None


async def change(database: Projected, statement: LiteralString) -> None:
    """Change certificates, as an administrator may."""
    async with database.connection.transaction():
        await database.connection.execute("ALTER TABLE kinolog.erasure_certificates DISABLE TRIGGER USER")
        await database.connection.execute(statement)
        await database.connection.execute("ALTER TABLE kinolog.erasure_certificates ENABLE TRIGGER USER")


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (
            "UPDATE kinolog.erasure_certificates SET note = replace(note, 'ann', 'bob') WHERE number = 2",
            "certificate 2 of tenant default was changed",
        ),
        (
            "UPDATE kinolog.erasure_certificates SET public_key = decode(repeat('00', 32), 'hex')",
            "certificate 1 of tenant default was changed",
        ),
        (
            "UPDATE kinolog.erasure_certificates SET job_ids = ARRAY['another'] WHERE number = 1",
            "certificate 1 of tenant default is stored for other jobs than it names",
        ),
        (
            "DELETE FROM kinolog.erasure_certificates WHERE number = 1",
            "the job is erased, later ones are certified, and no certificate names it",
        ),
    ],
)
async def test_all_certificates_are_compared(
    database: Projected, key_file: Path, statement: LiteralString, text: str
) -> None:
    """One that was changed, or that is missing, is named. An erasure whose end is not recorded needs none."""
    jobs = MemoryJobs()
    unfinished, first, second = [await jobs.submit(f"job {number}") for number in range(3)]
    await erase(jobs, unfinished, "old", finish=False)
    for job_id in (first, second):
        await erase(jobs, job_id, job_id)
        await database.catch_up(jobs.store, jobs.keys)
        await scrubbed(database)
        assert await certify(database, key_file) == 1
    assert await differing(database) is None
    await change(database, statement)
    found = await differing(database)
    assert found is not None
    assert text in found.text
    if statement.startswith("DELETE"):
        assert found.job_id == first


async def test_a_certificate_of_another_key_or_commit_is_found(database: Projected, key_file: Path) -> None:
    """The one key signed no head; of the other the archive has another commit."""
    jobs = MemoryJobs()
    job_id = await jobs.submit("a job")
    await erase(jobs, job_id, "one")
    await database.catch_up(jobs.store, jobs.keys)
    await scrubbed(database)
    assert await certify(database, key_file) == 1
    async with database.connection.transaction(force_rollback=True):
        await database.connection.execute("ALTER TABLE kinolog.tree_heads DISABLE TRIGGER USER")
        await database.connection.execute("DELETE FROM kinolog.tree_heads")
        found = await differing(database)
        assert found is not None
        assert found.text == "certificate 1 of tenant default is signed by a key that signed no head"
    async with database.connection.transaction(force_rollback=True):
        await database.connection.execute("ALTER TABLE kinolog.archive DISABLE TRIGGER USER")
        await database.connection.execute("UPDATE kinolog.archive SET raw = raw || '\\x00'::bytea")
        found = await differing(database)
        assert found is not None
        assert (found.job_id, found.position) == (job_id, await jobs.store.last_position())
        assert found.text == "certificate 1 of tenant default names another commit than the archive has"
