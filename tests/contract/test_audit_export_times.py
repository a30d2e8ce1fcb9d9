"""Times select commits of an export, although the clocks of machines differ."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from kinolog.ports.read_model import ReadModelUnavailable
from kinolog.ports.search.event_search import TimedPositions
from kinolog.v1 import export_service_pb2 as ex
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, RunningApi, running_api
from tests.contract.test_audit_export import export


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def test_a_time_is_found_in_a_long_log_whose_clocks_differ(api: RunningApi) -> None:
    """Hours lie between the commits. Those of a machine whose clock is half an hour late are found as well."""
    start, expected = api.clock.now, []
    for number in range(40):
        late = timedelta(minutes=30 if number % 3 == 0 else 0)
        api.clock.now = start + timedelta(hours=number) - late
        job = (await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT))).job
        if timedelta(hours=10) <= job.created_at.ToDatetime(tzinfo=UTC) - start < timedelta(hours=20):
            expected.append(job.position)
    selection = ex.CommitSelection()
    selection.since.FromDatetime(start + timedelta(hours=10))
    selection.until.FromDatetime(start + timedelta(hours=20))
    assert len(expected) == 10
    assert await export(api, since=selection.since, until=selection.until) == expected


async def test_one_clock_that_is_wrong_hides_no_commits_of_others(api: RunningApi) -> None:
    """Every third command comes from a machine that believes it is 1970, then from one that is years ahead."""
    for wrong in (timedelta(days=-20_000), timedelta(days=2_000)):
        start, expected = api.clock.now, []
        for number in range(60):
            is_wrong = number % 3 == 0
            api.clock.now = start + timedelta(hours=number) + (wrong if is_wrong else timedelta(0))
            job = (await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT))).job
            if 20 <= number < 40 and not is_wrong:
                expected.append(job.position)
        selection = ex.CommitSelection()
        selection.since.FromDatetime(start + timedelta(hours=20))
        selection.until.FromDatetime(start + timedelta(hours=40))
        assert await export(api, since=selection.since, until=selection.until) == expected
        api.clock.now = start + timedelta(hours=100)


@pytest.mark.parametrize("is_there", [True, False])
async def test_what_no_index_has_yet_is_exported_too(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    """Commits after those of the index are read and compared. Without read models all are."""
    start, expected = api.clock.now, []
    for number in range(12):
        api.clock.now = start + timedelta(hours=number)
        job = (await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT))).job
        if number in (4, 5, 10):
            expected.append(job.position)
    api.clock.now = start + timedelta(hours=4, minutes=30)
    expected.append((await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT))).job.position)
    indexed = await api.read_model.positions_between(None, None)

    async def behind(since: datetime | None, until: datetime | None) -> TimedPositions:
        if not is_there:
            raise ReadModelUnavailable("the database does not answer")
        return TimedPositions(first=expected[0], last=expected[1], searched=indexed.searched // 2)

    monkeypatch.setattr(api.read_model, "positions_between", behind)
    selection = ex.CommitSelection()
    selection.since.FromDatetime(start + timedelta(hours=4))
    selection.until.FromDatetime(start + timedelta(hours=5, minutes=30))
    del expected[2]
    assert await export(api, since=selection.since, until=selection.until) == expected
