"""How long the jobs of each tenant waited."""

from __future__ import annotations

from typing import NoReturn

import pytest

from kinolog.codec.commits import decode_commit
from kinolog.scheduling import tenant_waits
from kinolog.scheduling.tenant_waits import TenantWaits
from kinolog.v1.event_pb2 import JobState
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
        waits.add(await jobs.job(job_id), await jobs.commits(job_id))
    assert {name: (wait.jobs, wait.seconds) for name, wait in waits} == {
        "ann": (2, 10.0),
        "ben": (1, 5.0),
        "": (2, 10.0),
    }


async def test_states_of_commits_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A projector that catches up reads many commits of a job, and needs its state after the last one only."""
    jobs, waits = MemoryJobs(), TenantWaits()
    job_id = await jobs.submit(tenant="ann")
    await jobs.start(job_id)
    commits = [decode_commit(recorded.position, recorded.raw) for recorded in await jobs.commits(job_id)]

    def decoded(state: JobState) -> NoReturn:
        raise AssertionError(f"the state {state.version} of job {job_id} is decoded")

    job = await jobs.job(job_id)
    monkeypatch.setattr("kinolog.codec.commits.state_from_proto", decoded)
    waits.add(job, commits)
    assert [(name, wait.jobs) for name, wait in waits] == [("ann", 1)]
    with pytest.raises(AssertionError, match="is decoded"):
        _ = commits[0].commit.state
