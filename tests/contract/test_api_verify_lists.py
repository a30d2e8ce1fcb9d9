"""VerifyJob compares the row that lists show with the history of the job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from kinolog.job.values import Status
from kinolog.ports.read_model import JobRow
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi, running_api


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def list_check(api: RunningApi, job_id: str) -> tuple[bool, str]:
    """Return the result of the check of the lists."""
    answer = await api.audit.VerifyJob(au.VerifyJobRequest(job_id=job_id))
    (check,) = [check for check in answer.checks if check.name == "lists"]
    return check.holds, check.detail


def given_row(api: RunningApi, row: JobRow | None) -> None:
    """Let the read model show this row of every job."""

    async def job_row(tenant: str, job_id: str) -> JobRow | None:
        return row

    api.read_model.job_row = job_row  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.FAILED},
        {"prompt": "another prompt"},
        {"seed": 4711},
        {"gpu_seconds": 99.0},
        {"artifacts": ()},
        {"tenant": "another"},
        {"erased": True},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_changed_row_is_named(api: RunningApi, change: dict[str, Any]) -> None:
    """A field of the row that the history does not give is named."""
    job_id = await api.submit()
    await api.complete(job_id)
    row = await api.read_model.job_row("default", job_id)
    assert row is not None
    given_row(api, replace(row, **change))
    assert await list_check(api, job_id) == (False, f"lists show another {next(iter(change))} than the log")


async def test_a_deleted_row_is_found(api: RunningApi) -> None:
    """A job that lists lack is found."""
    job_id = await api.submit()
    given_row(api, None)
    assert await list_check(api, job_id) == (False, "lists lack the job")


async def test_what_workers_report_is_not_compared(api: RunningApi) -> None:
    """Percentage and estimate of a running job do not follow from the log."""
    job_id = await api.submit()
    await api.start_attempt(job_id)
    row = await api.read_model.job_row("default", job_id)
    assert row is not None
    given_row(api, replace(row, percent=42.0, eta_seconds=3.5))
    assert (await list_check(api, job_id))[0]


async def test_lists_that_lag_are_compared_as_far_as_they_are(api: RunningApi) -> None:
    """Commits that the read models have not reached do not count as a difference."""
    job_id = await api.submit()
    api.read_model.held_at = await api.store.last_position()
    await api.complete(job_id)
    holds, detail = await list_check(api, job_id)
    assert holds
    assert detail == "lists show the job as its history makes it; not in them yet: 2 commits"
    api.read_model.held_at = 0
    assert await list_check(api, job_id) == (True, "the read models have not reached the job yet")


async def test_an_erased_job_has_no_texts_in_lists(api: RunningApi) -> None:
    """A prompt that lists still show after an erasure is a difference."""
    job_id = await api.submit()
    await api.fail(job_id)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    assert (await list_check(api, job_id))[0]
    row = await api.read_model.job_row("default", job_id)
    assert row is not None
    given_row(api, replace(row, prompt="a heron"))
    assert await list_check(api, job_id) == (False, "lists show another prompt than the log")
