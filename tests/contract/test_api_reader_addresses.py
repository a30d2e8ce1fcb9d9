"""Addresses of readers: sealed under a key of the month, and gone with it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from kinolog_api.dependencies import ReadRules

from kinolog.reads.address_keys import address_key
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.call_metadata import bearer
from tests.builders.running_api import RunningApi, running_api
from tests.contract.test_api_reads import ADA, KEYS, ORIGIN, download, finished, recorded
from tests.fixtures.waits import until


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory that needs keys, and stores reads when a test says so."""
    async with running_api(KEYS) as running:
        yield running


async def test_addresses_are_sealed_and_end_with_their_key(api: RunningApi) -> None:
    """The stream has no address in plain. An erased job keeps who read it; without the key of the month no address."""
    job_id = await finished(api)
    await download(api, job_id, *ORIGIN)
    assert [one.address for one in await recorded(api, f"job={job_id}")] == ["192.0.2.7"]
    assert not any(b"192.0.2.7" in batch.raw for batch in api.read_log.batches)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id), metadata=bearer(ADA))
    (found,) = await recorded(api, "method=ReadArtifact")
    assert (found.read.job_id, found.read.actor, found.address) == (job_id, "ada", "192.0.2.7")
    await api.keys.erase(address_key(api.clock()))
    (found,) = await recorded_without_address(api)
    assert (found.read.actor, found.address) == ("ada", "")


async def test_addresses_of_before_a_restore_are_not_known(
    api: RunningApi, caplog: pytest.LogCaptureFixture
) -> None:
    """The key of their month was made again. One line says so, however many reads there are."""
    job_id = await finished(api)
    for offset in range(3):
        await download(api, job_id, *ORIGIN, offset=offset)
    assert {one.address for one in await recorded(api, "kind=file")} == {"192.0.2.7"}
    month = address_key(api.clock())
    await api.keys.discard([month])
    await api.keys.create({month: b"k" * 32})
    assert [one.address for one in await recorded(api, "kind=file")] == [""] * 3
    (line,) = [record for record in caplog.records if "do not unseal" in record.getMessage()]
    assert line.levelno == logging.WARNING


async def test_reads_are_recorded_without_addresses_if_their_key_is_deleted(api: RunningApi) -> None:
    """A clock that was fast for a while deletes the key of this month, and its id cannot be used again."""
    job_id = await finished(api)
    await api.keys.erase(address_key(api.clock()))
    await download(api, job_id, *ORIGIN)
    (found,) = await recorded(api, "kind=file")
    assert (found.read.actor, found.read.job_id, found.address) == ("ada", job_id, "")


async def recorded_without_address(api: RunningApi) -> list[au.FoundRead]:
    """Return the downloads that are stored."""
    answer = await api.audit.SearchReads(
        au.SearchReadsRequest(query="method=ReadArtifact"), metadata=bearer(ADA)
    )
    return list(answer.reads)


async def test_old_keys_of_addresses_are_deleted() -> None:
    """Once a day the key of a month is deleted of which no read is kept; that of this month stays."""
    async with running_api(KEYS, read_rules=ReadRules(days=1, flush_seconds=0.01)) as api:
        now = api.clock()
        old = address_key(now - timedelta(days=62))
        current = address_key(now)
        await api.keys.create({old: b"k" * 32, current: b"c" * 32})
        api.server.reads._keys_deleted_at = None
        await until(lambda: api.keys.get(old), "the old key is deleted", lambda key: key is None)
        assert await api.keys.get(current) is not None
