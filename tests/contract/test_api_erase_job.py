"""EraseJob over a real connection: what is deleted, what stays, and how interrupted erasures finish."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from kinolog_api.jobs import archive_check, erase_job
from kinolog_api.rpc.errors import RpcError

from kinolog.ports.alarms import LOG_DAMAGED, Alarm, AlarmSeverity
from kinolog.ports.artifacts import ArtifactsUnavailable
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api
from tests.fixtures.waits import WAIT_SECONDS, until


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def test_erasing_deletes_prompt_files_and_progress(api: RunningApi) -> None:
    """An erasure deletes prompt, files and progress. The history stays."""
    job_id = await api.submit()
    artifact = await api.complete(job_id)
    await api.progress.publish(
        LogLine(job_id=job_id, attempt=1, at=api.clock(), level=LogLevel.INFO, message="frame 3 of 17")
    )
    answer = await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    assert answer.job.erased
    assert answer.job.spec.prompt == ""
    assert not answer.job.artifacts
    assert await api.key(job_id) is None
    assert await api.artifacts.head(artifact.key) is None
    assert await api.progress.recent(job_id) == []
    history = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id))
    assert [commit.command.name for commit in history.commits][-2:] == ["erase", "finish_erasure"]
    assert PROMPT not in str(history)
    verdict = await api.audit.VerifyJob(au.VerifyJobRequest(job_id=job_id))
    assert verdict.valid


async def test_responses_about_an_erased_job(api: RunningApi) -> None:
    """Result and files of an erased job are refused as erased. Its storyboard has times but no prompts."""
    job_id = await api.submit()
    await api.complete(job_id)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    for call in (
        api.jobs.GetResult(pb.GetResultRequest(job_id=job_id)),
        api.jobs.ReadArtifact(pb.ReadArtifactRequest(job_id=job_id, kind=job_pb2.ARTIFACT_KIND_VIDEO)),
    ):
        problem = await refused(call)
        assert (problem.code, problem.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_ERASED")
    board = await api.jobs.GetStoryboard(pb.GetStoryboardRequest(job_id=job_id))
    assert [scene.prompt for scene in board.scenes] == [""]


async def test_only_ended_jobs_are_erased(api: RunningApi) -> None:
    """A queued job cannot be erased and keeps its key."""
    job_id = await api.submit()
    problem = await refused(api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_ENDED")
    assert await api.key(job_id) is not None


async def test_a_request_id_does_not_bring_an_erased_job_back(api: RunningApi) -> None:
    """A submit with the request id of an erased job is refused, alone and in a batch."""
    job_id = await api.submit(request_id="once")
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    request = pb.SubmitJobRequest(prompt=PROMPT, request_id="once")
    problem = await refused(api.jobs.SubmitJob(request))
    assert (problem.code, problem.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    batch = await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=[request]))
    assert batch.results[0].error.code == 6
    assert await api.key(job_id) is None


async def test_erasing_leaves_the_files_of_others(api: RunningApi) -> None:
    """Of two jobs that made the same bytes each has its own file. Erasing one deletes one, completed or not."""
    first, second, third = [await api.submit() for _ in range(3)]
    mine = await api.complete(first, b"the same bytes")
    stored_before_its_event = await api.stored(second, b"the same bytes")
    others = await api.complete(third, b"the same bytes")
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=first))
    assert await api.artifacts.head(mine.key) is None
    assert await api.artifacts.head(stored_before_its_event.key) is not None
    assert await api.artifacts.head(others.key) is not None


async def test_files_without_an_event_are_deleted(api: RunningApi) -> None:
    """What a worker stored and never recorded is deleted with the job: at its address, or on the way there.

    So is what a worker of an earlier version stored, without the folder of the tenant.
    """

    async def chunks() -> AsyncIterator[bytes]:
        yield b"half"

    job_id = await api.submit()
    await api.stored(job_id, b"a scene whose event was never written")
    folder = await api.folder(job_id)
    for place in (folder, job_id):
        await api.artifacts.stage(chunks(), place)
    await api.fail(job_id)
    assert len(await api.artifacts.keys_of(folder)) == 3
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    assert await api.artifacts.keys_of(folder) == []


async def test_a_file_that_is_stored_late_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that a worker stores after the erasure is deleted too."""
    monkeypatch.setattr(erase_job, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(erase_job, "SWEEP_SECONDS", (0.0,) * 1_000)
    async with running_api() as api:
        job_id = await api.submit()
        await api.complete(job_id)
        await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
        folder = await api.folder(job_id)
        await api.stored(job_id, b"late")
        await until(lambda: api.artifacts.keys_of(folder), "the late file is deleted", lambda keys: not keys)


async def test_a_folder_that_cannot_be_emptied_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Late files of one erased job are deleted while those of an earlier one cannot be."""
    monkeypatch.setattr(erase_job, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(erase_job, "SWEEP_SECONDS", (0.0,) * 1_000)
    async with running_api() as api:
        stuck, other = await api.submit(), await api.submit()
        for job_id in (stuck, other):
            await api.complete(job_id)
            await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
        delete_all = api.artifacts.delete_all
        folders = {job_id: await api.folder(job_id) for job_id in (stuck, other)}

        async def fail_for_one(folder: str) -> int:
            if folder == folders[stuck]:
                raise ArtifactsUnavailable("read-only")
            return await delete_all(folder)

        monkeypatch.setattr(api.artifacts, "delete_all", fail_for_one)
        for job_id in (stuck, other):
            await api.stored(job_id, b"late")
        await until(
            lambda: api.artifacts.keys_of(folders[other]), "the late file is deleted", lambda keys: not keys
        )
        monkeypatch.setattr(api.artifacts, "delete_all", delete_all)
        await until(lambda: api.artifacts.keys_of(folders[stuck]), "the other one too", lambda keys: not keys)


async def test_a_shared_file_of_an_earlier_version(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that jobs of an earlier version share is deleted with the last of them, and never on a lagging answer.

    The folder is emptied again some times after the end, however many tries there were before.
    """
    sweeps = api.server._job_service.erase_job._sweeps
    monkeypatch.setattr(erase_job, "SHARED_FILES_SECONDS", 0.01)
    first, second = await api.submit(), await api.submit()
    artifact = api.shared_file(b"the same bytes")
    await api.complete_with(first, artifact)
    api.read_model.held_at = await api.store.last_position()
    await api.complete_with(second, artifact)
    assert (await api.jobs.EraseJob(pb.EraseJobRequest(job_id=first))).job.erased
    assert await api.key(first) is None
    assert await api.artifacts.head(artifact.key) is not None
    assert [sweep.job_id for sweep in sweeps] == []
    api.read_model.held_at = None
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=first))
    assert await api.artifacts.head(artifact.key) is not None
    assert [sweep.job_id for sweep in sweeps] == [first]
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=second))
    assert await api.artifacts.head(artifact.key) is None


async def test_bulk_erase_returns_a_result_per_job(api: RunningApi) -> None:
    """Ended jobs are erased. Other jobs get errors."""
    ended, waiting = await api.submit(), await api.submit()
    await api.complete(ended)
    selection = pb.JobSelection(job_ids=[ended, waiting])
    answer = await api.jobs.BulkEraseJobs(pb.BulkEraseJobsRequest(selection=selection))
    assert [result.error.code for result in answer.results] == [0, 9]


async def test_an_interrupted_erasure(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the key store fails after the event the caller gets UNAVAILABLE, and a repeated call finishes the erasure."""
    job_id = await api.submit()
    artifact = await api.complete(job_id)
    erase_key = api.keys.erase

    async def fails(key_id: str) -> None:
        raise LogUnavailable("no answer")

    monkeypatch.setattr(api.keys, "erase", fails)
    problem = await refused(api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id, request_id="e1")))
    assert (problem.code, problem.retry_seconds) == (grpc.StatusCode.UNAVAILABLE, 1.0)
    shown = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    assert shown.erased
    assert shown.spec.prompt == ""
    earlier = await api.audit.GetHistory(au.GetHistoryRequest(job_id=job_id, position=1))
    assert PROMPT not in str(earlier)
    monkeypatch.setattr(api.keys, "erase", erase_key)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id, request_id="e1"))
    assert await api.key(job_id) is None
    assert await api.artifacts.head(artifact.key) is None


async def test_the_end_is_not_recorded_in_a_damaged_log(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A starting api finds an erasure without its end. If the archive has that end, another commit contradicts it."""
    monkeypatch.setattr(archive_check, "ANSWER_SECONDS", WAIT_SECONDS)
    job_id = await api.submit()
    await api.complete(job_id)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    last = await api.store.last_position()
    api.store.lose_tail(job_id)
    found = erase_job._Data("default", job_id, last - 1)
    erasures = api.server._job_service.erase_job
    with pytest.raises(DamagedLog, match=f"lost position {last}"):
        await erasures._finish(job_id, found, "kinolog")
    alarm = Alarm(
        name=LOG_DAMAGED, severity=AlarmSeverity.REFUSE_WRITES, text="damaged", source="t", since=api.clock()
    )
    await api.alarms.of_another_process().raise_alarm(alarm)
    with pytest.raises(RpcError, match="damaged"):
        await erasures._finish(job_id, found, "kinolog")
    assert await api.store.last_position() == last


async def test_a_starting_api_finishes_erasures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A starting api finds interrupted erasures of another api and finishes them."""
    monkeypatch.setattr(erase_job, "RETRY_SECONDS", 0.01)
    async with running_api() as first:
        job_id = await first.submit()
        await first.complete(job_id)

        async def dies(key_id: str) -> None:
            raise LogUnavailable("died here")

        working = first.keys.erase
        first.keys.erase = dies  # type: ignore[method-assign]  # the api dies before it erases the key
        await refused(first.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id)))
        await first.server.stop(0)
        first.keys.erase = working  # type: ignore[method-assign]
        assert await first.key(job_id) is not None

        async def finished() -> bool:
            return await first.key(job_id) is None

        async with running_api(stores_of=first):
            await until(finished)
