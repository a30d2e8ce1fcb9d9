"""Jobs that render completed ones again, from what is on record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from kinolog.ids import new_id
from kinolog.job import commands as c
from kinolog.job.values import Runtime
from kinolog.models.catalogue import TINY, Catalogue, ModelEntry, with_family
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import MEDIA, RunningApi, refused, running_api
from tests.builders.uploaded_files import first_frame, picture, uploaded

REVISION, OLD = "a" * 40, "b" * 40
I2V = with_family(
    ModelEntry(name="i2v", source="ada/i2v", revision=REVISION, pipeline="WanImageToVideoPipeline")
)
CATALOGUE = Catalogue([TINY, I2V], TINY.name)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory with a model that starts from a picture."""
    async with running_api(catalogue=CATALOGUE) as running:
        yield running


def _again(job_id: str, **fields: Any) -> pb.ReproduceJobRequest:
    return pb.ReproduceJobRequest(job_id=job_id, **fields)


async def _completed(api: RunningApi, job_id: str, revision: str = "") -> None:
    started = c.StartAttempt(id=new_id(), actor="w1", runtime=Runtime(model_revision=revision))
    done = c.Complete(id=new_id(), actor="w1", attempt=1, artifacts=(), media=MEDIA, gpu_seconds=1.5)
    await api.work(job_id, started, done)


async def test_a_job_is_submitted_from_its_record(api: RunningApi) -> None:
    """Texts, sizes, seeds and scenes are those of the original. A webhook is not called again."""
    request = pb.SubmitJobRequest(
        prompt="Scene 1: a star. Scene 2: a ring.",
        shots=pb.SHOTS_AUTO,
        negative_prompt="rain",
        title="Sky",
        webhook="https://1.1.1.1/",
        frames=17,
        steps=7,
    )
    original = (await api.jobs.SubmitJob(request)).job
    await _completed(api, original.id)
    made = await api.jobs.ReproduceJob(_again(original.id, request_id="night"))
    new = made.job
    assert made.created
    assert (new.reproduces, new.priority) == (original.id, job_pb2.PRIORITY_LOW)
    assert len(new.scenes) == 2
    assert new.scenes == original.scenes
    original.spec.webhook = ""
    assert new.spec == original.spec
    repeated = await api.jobs.ReproduceJob(_again(original.id, request_id="night"))
    assert (repeated.created, repeated.job.id) == (False, new.id)
    listed = {job.id: job.reproduces for job in (await api.jobs.ListJobs(pb.ListJobsRequest())).jobs}
    assert listed == {original.id: "", new.id: original.id}
    other = await refused(
        api.jobs.ReproduceJob(_again(original.id, request_id="night", priority=job_pb2.PRIORITY_HIGH))
    )
    assert other.reason == "REQUEST_ID_REUSED"


async def test_its_inputs_are_copied(api: RunningApi) -> None:
    """The new job has a copy of its own, under its own key. A damaged or missing one is said."""
    upload = await uploaded(api, picture())
    original = await api.submit(model="i2v", inputs=[first_frame(upload)])
    await _completed(api, original, REVISION)
    new = (await api.jobs.ReproduceJob(_again(original))).job
    assert new.inputs == (await api.job(original)).inputs
    read = pb.ReadArtifactRequest(job_id=new.id, kind=job_pb2.ARTIFACT_KIND_INPUT)
    assert b"".join([message.data async for message in api.jobs.ReadArtifact(read)]) == picture()
    keys = [key for key in api.artifacts._artifacts if key.endswith(".sealed")]
    assert len(keys) == 2
    (of_original,) = [key for key in keys if original in key]
    del api.artifacts._artifacts[of_original]
    assert (await refused(api.jobs.ReproduceJob(_again(original)))).reason == "INPUT_LOST"


def _unended(api: RunningApi, job_id: str) -> Any:
    return api.start_attempt(job_id)


async def _erased(api: RunningApi, job_id: str) -> None:
    await _completed(api, job_id)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))


@pytest.mark.parametrize(
    ("bring", "reason", "words"),
    [
        (_unended, "JOB_NOT_COMPLETED", "it can be reproduced once it is completed"),
        (RunningApi.fail, "JOB_NOT_COMPLETED", "is failed"),
        (_erased, "JOB_ERASED", "is erased"),
    ],
)
async def test_a_job_without_a_video_is_refused(
    api: RunningApi, bring: Callable[[RunningApi, str], Any], reason: str, words: str
) -> None:
    job_id = await api.submit()
    await bring(api, job_id)
    problem = await refused(api.jobs.ReproduceJob(_again(job_id)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.FAILED_PRECONDITION, reason)
    assert words in problem.message


def _read_input(api: RunningApi, job_id: str) -> Any:
    return api.jobs.ReadArtifact(pb.ReadArtifactRequest(job_id=job_id, kind=job_pb2.ARTIFACT_KIND_INPUT))


def _reproduced(api: RunningApi, job_id: str) -> Any:
    return api.jobs.ReproduceJob(_again(job_id))


@pytest.mark.parametrize("read", [_read_input, _reproduced])
async def test_a_job_that_is_erased_meanwhile_is_no_lost_key(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, read: Callable[[RunningApi, str], Any]
) -> None:
    """Its erase may be stored after the job was read, and before its key is."""
    job_id = await api.submit(model="i2v", inputs=[first_frame(await uploaded(api, picture()))])
    await _completed(api, job_id, REVISION)
    get = api.keys.get

    async def get_after_erase(key_id: str) -> bytes | None:
        monkeypatch.setattr(api.keys, "get", get)
        await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
        return await get(key_id)

    monkeypatch.setattr(api.keys, "get", get_after_erase)
    assert (await refused(read(api, job_id))).reason == "JOB_ERASED"


async def test_a_model_that_has_changed_is_said_before(api: RunningApi) -> None:
    """Another revision in the catalogue is named with that of the job. A hash of a folder says nothing about it."""
    inputs = [first_frame(await uploaded(api, picture()))]
    old, local = [await api.submit(model="i2v", inputs=inputs) for _ in range(2)]
    await _completed(api, old, OLD)
    await _completed(api, local, "a hash")
    problem = await refused(api.jobs.ReproduceJob(_again(old)))
    assert problem.reason == "NOT_REPRODUCIBLE"
    assert REVISION in problem.message
    assert OLD in problem.message
    assert (await api.jobs.ReproduceJob(_again(local))).created


async def test_a_model_that_is_gone_is_said_before(api: RunningApi) -> None:
    job_id = await api.submit(model="i2v", inputs=[first_frame(await uploaded(api, picture()))])
    await _completed(api, job_id, REVISION)
    async with running_api(catalogue=Catalogue([TINY], TINY.name), stores_of=api) as later:
        problem = await refused(later.jobs.ReproduceJob(_again(job_id)))
    assert problem.reason == "NOT_REPRODUCIBLE"
    assert "the model i2v is no longer in the catalogue" in problem.message
