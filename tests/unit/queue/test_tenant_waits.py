"""How long the jobs of each tenant waited."""

from __future__ import annotations

import pytest

from kinolog.scheduling import tenant_waits
from kinolog.scheduling.tenant_waits import TenantWaits
from tests.builders.memory_jobs import MemoryJobs


async def test_waits_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those for first attempts, by tenant. Tenants beyond a number share a sum, so that the sums stay few."""
    monkeypatch.setattr(tenant_waits, "MOST_TENANTS", 2)
    jobs, waits = MemoryJobs(), TenantWaits()
    names = ("ann", "ben", "ann", "cid", "dan")
    job_ids = [await jobs.submit(tenant=name) for name in names]  # a second each
    for job_id in job_ids:
        await jobs.start(job_id)
    await jobs.start(job_ids[0], "worker-2")
    for job_id in job_ids:
        waits.add(await jobs.commits(job_id))
    assert {name: (wait.jobs, wait.seconds) for name, wait in waits} == {
        "ann": (2, 10.0),
        "ben": (1, 5.0),
        "": (2, 10.0),
    }
