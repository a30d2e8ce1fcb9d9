"""The hashed addresses of a batch, with keys that are there, erased or damaged."""

from __future__ import annotations

import pytest
from kinolog_projector.projection.batch import BatchPreparer, CommitBatch

from kinolog.job.commands import Cancel, CommandOrigin
from kinolog.privacy.origin_address import ADDRESS_INDEX, OriginAddress, address_hash, seal_address
from kinolog.privacy.sealer import Sealer
from tests.builders.memory_jobs import MemoryJobs

SECRET = bytes(range(32))
ADDRESS = "192.0.2.7"


@pytest.fixture
async def jobs() -> MemoryJobs:
    """A job at position 1, whose command at position 2 has an address."""
    jobs = MemoryJobs()
    await jobs.keys.create({ADDRESS_INDEX: SECRET})
    job_id = await jobs.submit()
    key = await jobs.keys.get(job_id)
    assert key is not None
    sealed = seal_address(OriginAddress(ADDRESS, ""), Sealer(job_id, key))
    await jobs.send(job_id, Cancel(id="c", actor="ann", origin=CommandOrigin(sealed_address=sealed)))
    return jobs


async def prepared(jobs: MemoryJobs) -> CommitBatch:
    """Return the batch of all commits."""
    commits = [recorded async for some in jobs.store.read(0) for recorded in some]
    return await BatchPreparer(jobs.store, jobs.keys).prepare(0, commits)


async def test_an_address_is_hashed_under_the_secret_of_the_installation(jobs: MemoryJobs) -> None:
    """The hash is that by which the api looks for it."""
    assert (await prepared(jobs)).addresses == {2: address_hash(SECRET, "default", ADDRESS)}


@pytest.mark.parametrize("of_job", [True, False])
async def test_a_key_that_cannot_be_read_stops_no_batch(
    jobs: MemoryJobs, of_job: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the key of a job, or the secret of the installation, a commit has no address, and an error is logged."""
    jobs.keys.damaged.add(jobs.job_ids[0] if of_job else ADDRESS_INDEX)
    batch = await prepared(jobs)
    assert (batch.addresses, batch.last) == ({}, 2)
    assert "cannot be read" in caplog.text
