"""Jobs that a tenant keeps no longer are erased, over a real api: which, by whom, and what a failure holds up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from kinolog_api.limits import retention

from kinolog.job import events as e
from kinolog.job.state import Job
from kinolog.ports.artifacts import ArtifactsUnavailable
from kinolog.ports.read_model import JobFilter
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicies, TenantPolicy
from kinolog.v1 import access_service_pb2 as ac
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi, running_api
from tests.contract.test_api_side_channels import KEYS, OURS, THEIRS

KEPT = timedelta(days=90)


def keeping(api: RunningApi, **named: str) -> retention.Retention:
    """Return what erases 90 days later, for tenants that keep jobs for so long. The api itself keeps all jobs."""
    policies = TenantPolicies(named={name: TenantPolicy(keep_jobs=kept) for name, kept in named.items()})
    return retention.Retention(
        FollowedPolicies(without_file=policies),
        api.read_model,
        api.server._job_service.erase_job.erase_expired,
        lambda: api.clock() + KEPT,
    )


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory with the keys of two tenants."""
    async with running_api(KEYS) as running:
        yield running


async def cancelled(api: RunningApi, key: tuple[tuple[str, str], ...]) -> str:
    """Return a job of a tenant that was cancelled."""
    made = await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="a kite"), metadata=key)
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=made.job.id), metadata=key)
    return made.job.id


async def erasures(api: RunningApi) -> dict[str, e.Erased]:
    """Return the erasures of jobs."""
    return {
        recorded.commit.job_id: event
        async for batch in api.store.read(0)
        for recorded in batch
        for event in recorded.commit.events
        if isinstance(event, e.Erased)
    }


async def test_what_is_kept_no_longer_is_erased(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, as one erasure of each tenant. Jobs that have not ended stay, and so do those of other tenants."""
    monkeypatch.setattr(retention, "PAGE_JOBS", 2)
    ours = [await cancelled(api, OURS) for _ in range(5)]
    await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="waits"), metadata=OURS)
    await cancelled(api, THEIRS)
    due = keeping(api, ours="89d")
    assert await due.erase_due() == 5
    found = await erasures(api)
    assert found.keys() == set(ours)
    assert {event.actor for event in found.values()} == {"retention"}
    (erasure_id,) = {event.erasure_id for event in found.values()}
    assert erasure_id
    for job_id in ours:
        job = await loaded(api, job_id)
        assert job.erasure_finished
        assert await api.keys.get(job.sealing_key_id) is None
    assert await due.erase_due() == 0


async def test_younger_jobs_are_kept(api: RunningApi) -> None:
    await cancelled(api, OURS)
    assert await keeping(api, ours="91d").erase_due() == 0
    assert await keeping(api).erase_due() == 0
    assert await erasures(api) == {}


async def test_a_clock_that_is_fast_erases_nothing(api: RunningApi) -> None:
    """The clock of the database is compared, too: an erasure is for good."""
    await cancelled(api, OURS)
    due = keeping(api, ours="1d")
    api.read_model.time = api.clock()
    assert await due.erase_due() == 0
    api.read_model.time += timedelta(days=2)
    assert await due.erase_due() == 1


async def test_a_tenant_whose_jobs_cannot_be_selected_holds_up_no_other(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with one, such as lists that stay behind, does not stop the round."""
    job_id = await cancelled(api, THEIRS)
    await cancelled(api, OURS)
    select_ids = api.read_model.select_ids

    async def refusing(tenant: str, job_filter: JobFilter, limit: int) -> list[str]:
        if tenant == "ours":
            raise OverflowError("date value out of range")
        return await select_ids(tenant, job_filter, limit)

    monkeypatch.setattr(api.read_model, "select_ids", refusing)
    assert await keeping(api, ours="1d", theirs="1d").erase_due() == 1
    assert (await erasures(api)).keys() == {job_id}


async def test_a_tenant_reads_how_long_its_jobs_are_kept() -> None:
    policies = TenantPolicies(named={"ours": TenantPolicy(keep_jobs="91d")})
    async with running_api(KEYS, policies=FollowedPolicies(without_file=policies)) as api:
        for key, kept in ((OURS, "91d"), (THEIRS, "")):
            usage = await api.access.GetUsage(ac.GetUsageRequest(), metadata=key)
            assert usage.limits.keep_jobs == kept


async def test_what_cannot_be_erased_now_holds_up_no_other(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its event is there, so that nobody reads it any more. Whoever erases it again finishes it."""
    stuck, other = await cancelled(api, OURS), await cancelled(api, OURS)
    delete_all = api.artifacts.delete_all

    async def refusing(folder: str) -> int:
        if stuck in folder:
            raise ArtifactsUnavailable("away")
        return await delete_all(folder)

    monkeypatch.setattr(api.artifacts, "delete_all", refusing)
    assert await keeping(api, ours="1d").erase_due() == 1
    assert (await loaded(api, other)).erasure_finished
    job = await loaded(api, stuck)
    assert (job.erased, job.erasure_finished) == (True, False)
    monkeypatch.setattr(api.artifacts, "delete_all", delete_all)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=stuck), metadata=OURS)
    assert (await loaded(api, stuck)).erasure_finished


async def loaded(api: RunningApi, job_id: str) -> Job:
    """Return a job as the log has it."""
    found = await api.store.load(job_id)
    assert found is not None
    return found.job
