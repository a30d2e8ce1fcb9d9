"""Lists, counts, pages and read-your-writes, over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from kinolog_api.rpc.authentication import TENANT_KEY

from kinolog.job.commands import RecordStages, StageMark
from kinolog.job.values import Stage
from kinolog.ports.read_model import ReadModelUnavailable
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api

LOW = job_pb2.JobFilter(priorities=[job_pb2.PRIORITY_LOW])


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def test_pages_contain_every_job_once(api: RunningApi) -> None:
    """The pages contain each job once, newest first."""
    submitted = [await api.submit() for _ in range(5)]
    request = pb.ListJobsRequest(page_size=2)
    seen: list[str] = []
    while True:
        page = await api.jobs.ListJobs(request)
        seen += [job.id for job in page.jobs]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert seen == submitted[::-1]
    assert page.total_size == 5
    assert page.position == 5


async def test_page_tokens_are_bound_to_their_query(api: RunningApi) -> None:
    """A token is refused with another filter, order or tenant, or if a character was changed."""
    for _ in range(4):
        await api.submit(priority=job_pb2.PRIORITY_LOW)
    token = (await api.jobs.ListJobs(pb.ListJobsRequest(page_size=1))).next_page_token
    changed = ("A" if token[-1] != "A" else "B") + token[1:]
    calls = [
        api.jobs.ListJobs(pb.ListJobsRequest(page_token=token, filter=LOW)),
        api.jobs.ListJobs(pb.ListJobsRequest(page_token=token, order_by="created_at asc")),
        api.jobs.ListJobs(pb.ListJobsRequest(page_token=token), metadata=((TENANT_KEY, "other"),)),
        api.jobs.ListJobs(pb.ListJobsRequest(page_token=changed)),
    ]
    for call in calls:
        problem = await refused(call)
        assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_PAGE_TOKEN")
        assert list(problem.fields) == ["page_token"]
    larger = await api.jobs.ListJobs(pb.ListJobsRequest(page_token=token, page_size=3))
    assert len(larger.jobs) == 3


async def test_paused_jobs_may_not_start(api: RunningApi) -> None:
    """Jobs of a filter are paused and resumed together. Meanwhile they are not among those that may start."""
    held = [await api.submit(priority=job_pb2.PRIORITY_LOW) for _ in range(3)]
    other = await api.submit()
    startable = pb.ListJobsRequest(filter=job_pb2.JobFilter(startable=True), order_by="created_at asc")
    paused = await api.jobs.BulkPauseJobs(pb.BulkPauseJobsRequest(selection=pb.JobSelection(filter=LOW)))
    assert [result.job_id for result in paused.results] == held
    assert [(await api.job(job_id)).HasField("paused_at") for job_id in held] == [True] * 3
    assert [job.id for job in (await api.jobs.ListJobs(startable)).jobs] == [other]
    resumed = await api.jobs.BulkResumeJobs(pb.BulkResumeJobsRequest(selection=pb.JobSelection(filter=LOW)))
    assert not [result for result in resumed.results if result.HasField("error")]
    assert [job.id for job in (await api.jobs.ListJobs(startable)).jobs] == [*held, other]


async def test_filters_and_orders(api: RunningApi) -> None:
    """Filters select the matching jobs, in the requested order."""
    low = await api.submit("a fox in the snow", priority=job_pb2.PRIORITY_LOW)
    high = await api.submit("a fox at night", priority=job_pb2.PRIORITY_HIGH, style="Noir")
    by_priority = await api.jobs.ListJobs(pb.ListJobsRequest(order_by="priority desc"))
    assert [job.id for job in by_priority.jobs] == [high, low]
    oldest_first = await api.jobs.ListJobs(pb.ListJobsRequest(order_by="created_at"))
    assert [job.id for job in oldest_first.jobs] == [low, high]
    for narrowed in (LOW, job_pb2.JobFilter(text="SNOW"), job_pb2.JobFilter(text=low)):
        assert [job.id for job in (await api.jobs.ListJobs(pb.ListJobsRequest(filter=narrowed))).jobs] == [
            low
        ]
    styled = await api.jobs.ListJobs(pb.ListJobsRequest(filter=job_pb2.JobFilter(styles=["Noir"])))
    assert [job.spec.style for job in styled.jobs] == ["noir"]
    with_offset = await api.jobs.ListJobs(pb.ListJobsRequest(offset=1))
    assert [job.id for job in with_offset.jobs] == [low]


async def test_lists_have_what_a_job_has(api: RunningApi) -> None:
    """A list shows position in the queue, scenes, running scene, percent and seconds as the job itself does."""
    scenes = "A ball. Then a cube."
    low = await api.submit(
        scenes, shots=pb.SHOTS_AUTO, duration_seconds=4, fps=8, priority=job_pb2.PRIORITY_LOW
    )
    for _ in range(2):
        await api.submit(priority=job_pb2.PRIORITY_CRITICAL)
    failed = await api.submit()
    await api.fail(failed)
    running = await api.submit(scenes, shots=pb.SHOTS_AUTO, duration_seconds=4, fps=8)
    await api.start_attempt(running)
    mark = StageMark(stage=Stage.DENOISE, scene=1, at=api.clock())
    await api.work(running, RecordStages(id="stages", actor="w1", attempt=1, marks=(mark,)))
    listed = {job.id: job for job in (await api.jobs.ListJobs(pb.ListJobsRequest())).jobs}
    assert listed[low].queue_position == 2
    assert (listed[low].scene_count, len(listed[low].scenes)) == (2, 0)
    assert (listed[running].scene, listed[running].scene_count) == (1, 2)
    assert listed[failed].HasField("run_seconds")
    for job in listed.values():
        alone = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job.id))).job
        shown, expected = (MessageToDict(one, preserving_proto_field_name=True) for one in (job, alone))
        for name in ("queue_position", "scene", "scene_count", "percent", "run_seconds"):
            assert shown.get(name) == expected.get(name), name


async def test_a_list_without_positions_is_a_list(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the positions in the queue cannot be read, the list comes without them."""

    async def unavailable(tenant: str, job_ids: Sequence[str], now: datetime) -> dict[str, int]:
        raise ReadModelUnavailable("no positions")

    job_id = await api.submit()
    monkeypatch.setattr(api.read_model, "queue_positions", unavailable)
    (job,) = (await api.jobs.ListJobs(pb.ListJobsRequest())).jobs
    assert job.id == job_id
    assert not job.HasField("queue_position")


async def test_summary_counts_by_status(api: RunningApi) -> None:
    """The summary counts the matching jobs by status."""
    await api.complete(await api.submit())
    await api.fail(await api.submit())
    await api.submit(priority=job_pb2.PRIORITY_LOW)
    summary = await api.jobs.SummarizeJobs(pb.SummarizeJobsRequest())
    assert (summary.total, summary.completed, summary.failed, summary.queued) == (3, 1, 1, 1)
    assert (await api.jobs.SummarizeJobs(pb.SummarizeJobsRequest(filter=LOW))).total == 1


async def test_a_read_waits_for_its_min_position(api: RunningApi) -> None:
    """A list that does not reach min_position in time returns READ_MODEL_BEHIND with its position."""
    job_id = await api.submit()
    api.read_model.held_at = 0
    request = pb.ListJobsRequest(min_position=1)
    problem = await refused(api.jobs.ListJobs(request))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAVAILABLE, "READ_MODEL_BEHIND")
    assert problem.metadata == {"wanted": "1", "reached": "0"}
    assert problem.retry_seconds == 1.0
    api.read_model.held_at = None
    assert [job.id for job in (await api.jobs.ListJobs(request)).jobs] == [job_id]


async def test_lists_without_the_read_model(api: RunningApi) -> None:
    """While the read model is unavailable lists are UNAVAILABLE with a retry delay, and jobs can be submitted."""
    api.read_model.unavailable = True
    problem = await refused(api.jobs.SummarizeJobs(pb.SummarizeJobsRequest(min_position=1)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAVAILABLE, "READ_MODEL_UNAVAILABLE")
    assert problem.retry_seconds == 1.0
    assert await api.submit(PROMPT)
