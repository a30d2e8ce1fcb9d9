"""Commands and queries of JobService, over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from kinolog.job.commands import ConfirmCancel, FailAttempt
from kinolog.job.commit import Commit
from kinolog.job.values import JobError
from kinolog.ports.event_store import AppendConflict, Appended
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def test_submit_fills_in_defaults(api: RunningApi) -> None:
    """A job with only a prompt gets the default model with its defaults, and a drawn seed."""
    answer = await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT))
    spec = answer.job.spec
    assert (spec.model, spec.width, spec.height, spec.frames, spec.fps) == ("kinolog-tiny", 256, 256, 17, 8)
    assert (spec.steps, spec.guidance, spec.prompt) == (20, 2.0, PROMPT)
    assert answer.job.status == job_pb2.STATUS_QUEUED
    assert answer.job.priority == job_pb2.PRIORITY_MEDIUM
    assert answer.created
    assert answer.position == answer.job.position == 1
    assert len(answer.job.id) == 26


async def test_duration_becomes_frames(api: RunningApi) -> None:
    """A duration in seconds is converted to frames at the job's frame rate."""
    request = pb.SubmitJobRequest(prompt=PROMPT, duration_seconds=3, fps=10)
    assert (await api.jobs.SubmitJob(request)).job.spec.frames == 30


async def test_prompt_in_the_log_is_sealed(api: RunningApi) -> None:
    """The stored commits do not contain the prompt."""
    await api.submit()
    async for batch in api.store.read(0):
        assert all(b"Quillfeather" not in recorded.raw for recorded in batch)


async def test_repeated_submit_finds_its_job(api: RunningApi) -> None:
    """A repeated request with the same body returns the existing job, including its seed."""
    request = pb.SubmitJobRequest(prompt=PROMPT, request_id="order-1")
    first = await api.jobs.SubmitJob(request)
    again = await api.jobs.SubmitJob(request)
    assert first.created
    assert not again.created
    assert again.job == first.job
    assert await api.store.last_position() == 1


async def test_request_id_with_another_body_is_refused(api: RunningApi) -> None:
    """A repeated request id with another body is ALREADY_EXISTS and stores nothing."""
    await api.submit(request_id="order-1")
    problem = await refused(api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="else", request_id="order-1")))
    assert problem.code is grpc.StatusCode.ALREADY_EXISTS
    assert problem.reason == "REQUEST_ID_REUSED"
    assert await api.store.last_position() == 1


async def test_get_job_reads_the_log(api: RunningApi) -> None:
    """A job can be read immediately after the submit, whatever position the read model has reached."""
    api.read_model.held_at = 0
    job_id = await api.submit("A heron wades. Then it flies off over the reeds.", duration_seconds=6)
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    assert job.id == job_id
    assert job.scenes[0].prompt.startswith("A heron wades")


async def test_get_job_has_the_queue_position(api: RunningApi) -> None:
    """A queued job has its position in the queue."""
    await api.submit()
    second = await api.submit()
    assert (await api.jobs.GetJob(pb.GetJobRequest(job_id=second))).job.queue_position == 1


async def test_get_job_works_without_the_read_model(api: RunningApi) -> None:
    """While the read model is unavailable a job is returned without its queue position."""
    job_id = await api.submit()
    api.read_model.unavailable = True
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    assert job.id == job_id
    assert not job.HasField("queue_position")


async def test_storyboard_is_planned_while_the_job_is_queued(api: RunningApi) -> None:
    """Scenes can be read immediately, and their durations add up to that of the job."""
    job_id = await api.submit("A red kite rises. Then the kite dives.", duration_seconds=4, fps=8)
    board = await api.jobs.GetStoryboard(pb.GetStoryboardRequest(job_id=job_id))
    assert board.duration_seconds == 4
    assert sum(scene.duration_seconds for scene in board.scenes) == 4
    assert all(scene.prompt for scene in board.scenes)


async def test_cancel_a_queued_job(api: RunningApi) -> None:
    """A queued job is cancelled immediately. Cancelling again changes nothing."""
    job_id = await api.submit()
    answer = await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id, request_id="c1", reason="typo"))
    again = await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id, request_id="c2"))
    assert answer.job.status == job_pb2.STATUS_CANCELLED
    assert again.position == answer.position == 2


async def test_cancel_a_running_job(api: RunningApi) -> None:
    """Cancelling a running job only requests it; the job runs until its worker confirms."""
    job_id = await api.submit()
    await api.start_attempt(job_id)
    job = (await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))).job
    assert job.status == job_pb2.STATUS_PROCESSING
    assert job.cancel_requested


async def test_one_request_id_may_serve_two_kinds_of_command(api: RunningApi) -> None:
    """A retry with the request id of an earlier cancel takes effect."""
    job_id = await api.submit()
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id, request_id="same"))
    retried = await api.jobs.RetryJob(pb.RetryJobRequest(job_id=job_id, request_id="same"))
    assert retried.job.status == job_pb2.STATUS_QUEUED


async def test_retry_needs_a_job_that_failed(api: RunningApi) -> None:
    """A queued job cannot be retried. A failed job can, once per request id."""
    job_id = await api.submit()
    problem = await refused(api.jobs.RetryJob(pb.RetryJobRequest(job_id=job_id)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_RETRYABLE")
    await api.fail(job_id)
    first = await api.jobs.RetryJob(pb.RetryJobRequest(job_id=job_id, request_id="r1"))
    again = await api.jobs.RetryJob(pb.RetryJobRequest(job_id=job_id, request_id="r1"))
    assert first.job.status == again.job.status == job_pb2.STATUS_QUEUED
    assert first.position == again.position


async def test_reprioritize_and_prefetch(api: RunningApi) -> None:
    """A queued job can be reprioritized and prefetched."""
    job_id = await api.submit(priority=job_pb2.PRIORITY_LOW)
    request = pb.ReprioritizeJobRequest(job_id=job_id, priority=job_pb2.PRIORITY_CRITICAL)
    assert (await api.jobs.ReprioritizeJob(request)).job.priority == job_pb2.PRIORITY_CRITICAL
    prefetched = await api.jobs.PrefetchJob(pb.PrefetchJobRequest(job_id=job_id))
    assert prefetched.position == 3


async def test_pause_and_resume(api: RunningApi) -> None:
    """A paused job stays queued. A repeated command has no further effect, and an ended job takes neither."""
    job_id = await api.submit()
    for _ in range(2):
        paused = await api.jobs.PauseJob(pb.PauseJobRequest(job_id=job_id))
        assert (paused.position, paused.job.status, paused.job.HasField("paused_at")) == (
            2,
            job_pb2.STATUS_QUEUED,
            True,
        )
    resumed = await api.jobs.ResumeJob(pb.ResumeJobRequest(job_id=job_id))
    assert not resumed.job.HasField("paused_at")
    await api.jobs.PauseJob(pb.PauseJobRequest(job_id=job_id))
    cancelled = await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    assert not cancelled.job.HasField("paused_at")
    for command in (
        api.jobs.PauseJob(pb.PauseJobRequest(job_id=job_id)),
        api.jobs.ResumeJob(pb.ResumeJobRequest(job_id=job_id)),
    ):
        problem = await refused(command)
        assert (problem.code, problem.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_ENDED")


async def test_a_command_is_decided_again_after_a_conflict(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that conflicts is decided again on the new state; a job that keeps changing is ABORTED."""
    job_id = await api.submit()
    append = api.store.append
    conflicts = iter([True, False])

    async def conflicting(commit: Commit) -> Appended:
        if next(conflicts, True):
            raise AppendConflict("another commit was stored first")
        return await append(commit)

    monkeypatch.setattr(api.store, "append", conflicting)
    cancelled = await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    assert cancelled.job.status == job_pb2.STATUS_CANCELLED
    problem = await refused(api.jobs.RetryJob(pb.RetryJobRequest(job_id=job_id)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.ABORTED, "JOB_TOO_BUSY")


async def test_a_command_waits_for_a_commit_that_is_being_stored(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replicated log refuses a commit while it stores another one, and shows that one only when disks have it."""
    job_id = await api.submit()
    append = api.store.append
    stored = asyncio.Event()

    async def storing(commit: Commit) -> Appended:
        if not stored.is_set():
            raise AppendConflict("another commit is being stored")
        return await append(commit)

    monkeypatch.setattr(api.store, "append", storing)
    asyncio.get_running_loop().call_later(0.2, stored.set)
    cancelled = await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    assert cancelled.job.status == job_pb2.STATUS_CANCELLED


async def test_bulk_cancel_returns_a_result_per_job(api: RunningApi) -> None:
    """A bulk command returns a result per id in the given order, with errors for unknown and ended jobs."""
    first, ended = await api.submit(), await api.submit()
    await api.complete(ended)
    job_ids = [first, "a" * 26, ended, first]
    selection = pb.JobSelection(job_ids=job_ids)
    answer = await api.jobs.BulkCancelJobs(pb.BulkCancelJobsRequest(selection=selection, reason="all"))
    assert [result.job_id for result in answer.results] == job_ids
    assert [result.error.code for result in answer.results] == [0, 5, 9, 0]
    assert answer.results[0].status == job_pb2.STATUS_CANCELLED
    assert answer.position == answer.results[0].position


async def test_bulk_commands_by_filter(api: RunningApi) -> None:
    """A filter selects the caller's jobs for each bulk command."""
    for _ in range(3):
        await api.submit(priority=job_pb2.PRIORITY_LOW)
    other = await api.submit()
    low = pb.JobSelection(filter=job_pb2.JobFilter(priorities=[job_pb2.PRIORITY_LOW]))
    cancelled = await api.jobs.BulkCancelJobs(pb.BulkCancelJobsRequest(selection=low))
    assert len(cancelled.results) == 3
    retried = await api.jobs.BulkRetryJobs(pb.BulkRetryJobsRequest(selection=low))
    assert {result.status for result in retried.results} == {job_pb2.STATUS_QUEUED}
    raised = await api.jobs.BulkReprioritizeJobs(
        pb.BulkReprioritizeJobsRequest(selection=low, priority=job_pb2.PRIORITY_HIGH)
    )
    assert len(raised.results) == 3
    assert (await api.jobs.GetJob(pb.GetJobRequest(job_id=other))).job.status == job_pb2.STATUS_QUEUED


async def test_bulk_commands_by_filter_say_how_many_are_left(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter selects a limited number of jobs, and the answer has the number of the others."""
    monkeypatch.setattr("kinolog_api.jobs.commands.MAX_SELECTED_JOBS", 2)
    for _ in range(3):
        await api.submit(priority=job_pb2.PRIORITY_LOW)
    await api.submit()
    low = job_pb2.JobFilter(priorities=[job_pb2.PRIORITY_LOW], statuses=[job_pb2.STATUS_QUEUED])
    for results, remaining in ((2, 1), (1, 0), (0, 0)):
        request = pb.BulkCancelJobsRequest(selection=pb.JobSelection(filter=low))
        answer = await api.jobs.BulkCancelJobs(request)
        assert (len(answer.results), answer.remaining) == (results, remaining)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_an_ended_job_keeps_its_percent(api: RunningApi, cancelled: bool) -> None:
    """A failed or cancelled job has the percentage that its worker reported with the end, in GetJob and in lists."""
    job_id = await api.submit()
    await api.start_attempt(job_id)
    if cancelled:
        await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
        await api.work(job_id, ConfirmCancel(id="end", actor="w1", attempt=1, percent=42.5))
    else:
        error = JobError(code="OUT_OF_MEMORY", message="no room", retryable=False)
        failed = FailAttempt(id="end", actor="w1", attempt=1, error=error, retry_at=api.clock(), percent=42.5)
        await api.work(job_id, failed)
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    (listed,) = (await api.jobs.ListJobs(pb.ListJobsRequest())).jobs
    assert job.percent == listed.percent == job.attempts[0].percent == 42.5


async def test_result_of_a_completed_job(api: RunningApi) -> None:
    """The result is refused until the job is completed; then it has the files and media facts."""
    job_id = await api.submit()
    problem = await refused(api.jobs.GetResult(pb.GetResultRequest(job_id=job_id)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_COMPLETED")
    artifact = await api.complete(job_id)
    result = await api.jobs.GetResult(pb.GetResultRequest(job_id=job_id))
    assert [found.sha256 for found in result.artifacts] == [artifact.sha256]
    assert result.media.codec == "h264"
    assert result.gpu_seconds == 1.5


async def test_artifact_is_read_whole_and_in_ranges(api: RunningApi) -> None:
    """The bytes are sent in chunks, the first message describes the file, and a range is exact."""
    content = bytes(range(256)) * 3_000
    job_id = await api.submit()
    await api.complete(job_id, content)
    video = job_pb2.ARTIFACT_KIND_VIDEO

    async def read(offset: int = 0, limit: int = 0) -> tuple[bytes, list[pb.ReadArtifactResponse]]:
        request = pb.ReadArtifactRequest(job_id=job_id, kind=video, offset=offset, limit=limit)
        messages = [message async for message in api.jobs.ReadArtifact(request)]
        return b"".join(message.data for message in messages), messages

    whole, messages = await read()
    assert whole == content
    assert [message.HasField("artifact") for message in messages] == [True] + [False] * (len(messages) - 1)
    assert messages[0].artifact.size_bytes == len(content)
    assert (await read(1000, 10))[0] == content[1000:1010]
    assert (await read(len(content) - 5, 100))[0] == content[-5:]
    assert (await read(len(content)))[0] == b""
    ahead = pb.ReadArtifactRequest(job_id=job_id, kind=video, offset=len(content) + 1)
    assert (await refused(api.jobs.ReadArtifact(ahead))).code is grpc.StatusCode.OUT_OF_RANGE
    missing = pb.ReadArtifactRequest(job_id=job_id, kind=job_pb2.ARTIFACT_KIND_THUMBNAIL)
    problem = await refused(api.jobs.ReadArtifact(missing))
    assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "NO_SUCH_ARTIFACT")


@pytest.mark.parametrize(
    ("content", "code", "reason", "words"),
    [
        (b"vidoe bytes", grpc.StatusCode.DATA_LOSS, "ARTIFACT_DAMAGED", "is damaged"),
        (b"video", grpc.StatusCode.DATA_LOSS, "ARTIFACT_DAMAGED", "is damaged"),
        (None, grpc.StatusCode.NOT_FOUND, "ARTIFACT_MISSING", "is no longer stored"),
    ],
    ids=["altered", "torn", "deleted"],
)
async def test_a_file_that_is_not_as_recorded_is_not_served(
    api: RunningApi, content: bytes | None, code: grpc.StatusCode, reason: str, words: str
) -> None:
    """The error names the file and what to do, for the whole file, a range, and an empty range."""
    job_id = await api.submit()
    artifact = await api.complete(job_id)
    api.artifacts.replace(artifact.key, content)
    for offset, limit in ((0, 0), (2, 3), (artifact.size_bytes, 0)):
        request = pb.ReadArtifactRequest(
            job_id=job_id, kind=job_pb2.ARTIFACT_KIND_VIDEO, offset=offset, limit=limit
        )
        problem = await refused(api.jobs.ReadArtifact(request))
        assert (problem.code, problem.reason) == (code, reason)
        assert problem.message.startswith(f"the video of job {job_id} {words}")
        assert artifact.key in problem.message


async def test_models_and_their_limits(api: RunningApi) -> None:
    """The catalogue lists every model with its limits, one of them the default."""
    models = (await api.jobs.ListModels(pb.ListModelsRequest())).models
    assert [(model.name, model.is_default) for model in models] == [("kinolog-tiny", True), ("large", False)]
    assert models[1].max_frames == 81
