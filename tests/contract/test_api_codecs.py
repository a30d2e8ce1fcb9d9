"""Codecs of jobs: recorded, sealed titles, and refused if no worker can encode them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import grpc
import pytest

from kinolog.ports.workers import WorkerReport
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
TITLE = "Marzipanmond"


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def report(api: RunningApi, name: str, *codecs: str, model: str = "kinolog-tiny") -> None:
    """Report a worker that serves a model and has these codecs."""
    await api.workers.report(
        WorkerReport(
            name=name,
            device="cpu",
            hardware="test",
            models=(model,),
            loaded_models=(),
            started_at=AT,
            seen_at=AT,
            codecs=codecs,
        )
    )


async def test_codec_quality_and_title_are_recorded(api: RunningApi) -> None:
    """The job says what it was asked for, and the log has the title sealed."""
    job_id = await api.submit(codec="av1", crf=33, title=TITLE)
    spec = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job.spec
    assert (spec.codec, spec.crf, spec.title) == ("av1", 33, TITLE)
    async for batch in api.store.read(0):
        assert all(TITLE.encode() not in recorded.raw for recorded in batch)
    loaded = await api.store.load(job_id)
    assert loaded is not None
    assert loaded.job.spec.tagged


async def test_an_erased_title_is_gone(api: RunningApi) -> None:
    """Erasing a job erases its title."""
    job_id = await api.submit(title=TITLE)
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    assert (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job.spec.title == ""


async def test_a_codec_that_no_worker_has_is_refused(api: RunningApi) -> None:
    """The error names the codecs that the workers of the model have. A batch stores its other jobs."""
    await report(api, "one", "h264", "h265", "av1")
    await report(api, "other-model", "h264", "h264_nvenc", model="large")
    request = pb.SubmitJobRequest(prompt=PROMPT, codec="h264_nvenc")
    problem = await refused(api.jobs.SubmitJob(request))
    assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CODEC_UNAVAILABLE")
    assert problem.fields == {
        "codec": "no worker of kinolog-tiny can encode h264_nvenc now; they have h264, h265, av1"
    }
    requests = [request, pb.SubmitJobRequest(prompt=PROMPT, codec="av1")]
    results = (await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=requests))).results
    assert [bool(result.job_id) for result in results] == [False, True]
    await report(api, "two", "h264", "h264_nvenc")
    assert (await api.jobs.SubmitJob(request)).created


async def test_a_repeated_request_finds_its_job_whatever_the_workers_have(api: RunningApi) -> None:
    """A job that was accepted is found again by its request id after the worker that had its codec has left."""
    await report(api, "gpu", "h264", "av1_nvenc")
    request = pb.SubmitJobRequest(prompt=PROMPT, codec="av1_nvenc", request_id="once")
    first = await api.jobs.SubmitJob(request)
    await api.workers.deregister("gpu")
    await report(api, "cpu", "h264")
    assert (await api.jobs.SubmitJob(request)).job.id == first.job.id


async def test_a_job_waits_for_workers_that_are_not_there_yet(api: RunningApi) -> None:
    """Without a worker that has said what it can encode, every known codec is accepted."""
    assert await api.submit(codec="h265_nvenc")
    await report(api, "starting")
    assert await api.submit(codec="h265_nvenc")


async def test_models_list_the_codecs_of_their_workers(api: RunningApi) -> None:
    """A model has the codecs of its workers; without one, those that need no GPU."""
    await report(api, "gpu", "av1_nvenc", "h264")
    models = {model.name: model for model in (await api.jobs.ListModels(pb.ListModelsRequest())).models}
    assert list(models["kinolog-tiny"].codecs) == ["h264", "av1_nvenc"]
    assert list(models["large"].codecs) == ["h264", "h265", "av1"]
    defaults = models["large"].defaults
    assert (defaults.codec, defaults.crf) == ("h264", 18)
    (worker,) = (await api.jobs.ListWorkers(pb.ListWorkersRequest())).workers
    assert list(worker.codecs) == ["av1_nvenc", "h264"]
