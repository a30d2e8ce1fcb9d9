"""Jobs that start from uploads: each has a copy of its own, sealed under its key, until it is erased."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

import grpc
import pytest
from kinolog_api.inputs.job_inputs import CONCURRENT_COPIES
from kinolog_api.inputs.live_video_sweep import LiveVideoSweep
from kinolog_api.inputs.store_sweep import StoreSweep
from kinolog_api.inputs.uploads import Uploads

from kinolog.models.catalogue import TINY, Catalogue, ModelEntry, with_family
from kinolog.ports.artifacts import ArtifactsUnavailable
from kinolog.ports.event_store import LogUnavailable
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import LIMITS, RunningApi, refused, running_api
from tests.builders.uploaded_files import WEBM, first_frame, picture, uploaded
from tests.fixtures.waits import until_true

OTHER = (("x-kinolog-tenant", "other"),)
FIRST, LAST = job_pb2.INPUT_ROLE_FIRST_FRAME, job_pb2.INPUT_ROLE_LAST_FRAME
CATALOGUE = Catalogue(
    [
        TINY,
        with_family(ModelEntry(name="i2v", source="/models/i2v", pipeline="WanImageToVideoPipeline")),
    ],
    TINY.name,
)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory with a model that starts from a picture."""
    async with running_api(catalogue=CATALOGUE) as running:
        yield running


async def _submitted(api: RunningApi, content: bytes = picture(), **fields: Any) -> str:
    upload = await uploaded(api, content)
    return await api.submit(model="i2v", inputs=[first_frame(upload)], **fields)


async def _read(api: RunningApi, job_id: str, **fields: int) -> tuple[job_pb2.Artifact, bytes]:
    request = pb.ReadArtifactRequest(job_id=job_id, kind=job_pb2.ARTIFACT_KIND_INPUT, **fields)
    messages = [message async for message in api.jobs.ReadArtifact(request)]
    return messages[0].artifact, b"".join(message.data for message in messages)


def _sealed(api: RunningApi) -> list[str]:
    return [key for key in api.artifacts._artifacts if key.endswith(".sealed")]


def _sweep(api: RunningApi) -> StoreSweep:
    uploads = Uploads(api.uploads, api.keys, LIMITS, api.clock)
    live_videos = LiveVideoSweep(api.artifacts.live_videos, api.store)
    return StoreSweep(uploads, api.artifacts, live_videos, api.store, api.clock)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_a_job_shows_what_it_starts_from(api: RunningApi) -> None:
    """Role, type, size and what identifies the content. The log has the hash in no form that anybody could compare."""
    job_id = await _submitted(api)
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    (shown,) = job.inputs
    digest = sha256(picture()).hexdigest()
    assert (shown.role, shown.media_type, shown.size_bytes) == (FIRST, "image/png", len(picture()))
    assert (shown.sha256, shown.width, shown.height) == (digest, 160, 120)
    (commit,) = [recorded.raw async for recorded in api.store.history(job_id)]
    assert digest.encode() not in commit
    assert bytes.fromhex(digest) not in commit
    assert job.artifacts == []


async def test_models_say_what_they_start_from(api: RunningApi) -> None:
    """In which roles, whether a job needs them, and how many it may have."""
    models = (await api.jobs.ListModels(pb.ListModelsRequest())).models
    assert [[(one.role, one.required, one.most) for one in model.inputs] for model in models] == [
        [],
        [(FIRST, True, 1), (LAST, False, 1)],
    ]


async def test_the_owner_reads_an_input(api: RunningApi) -> None:
    """In full and any range, with hash and size of the content. Nobody else does."""
    content = picture(1, 300, 200)
    job_id = await _submitted(api, content)
    artifact, data = await _read(api, job_id)
    assert data == content
    assert (artifact.sha256, artifact.size_bytes) == (sha256(content).hexdigest(), len(content))
    assert artifact.media_type == "image/png"
    for offset, limit in ((0, 10), (65_530, 12), (70_000, 65_536), (len(content) - 3, 0), (len(content), 0)):
        _, part = await _read(api, job_id, offset=offset, limit=limit)
        assert part == content[offset : offset + limit if limit else None]
    request = pb.ReadArtifactRequest(job_id=job_id, kind=job_pb2.ARTIFACT_KIND_INPUT)
    assert (await refused(api.jobs.ReadArtifact(request, metadata=OTHER))).reason == "JOB_NOT_FOUND"
    request.input = 1
    assert (await refused(api.jobs.ReadArtifact(request))).reason == "NO_SUCH_ARTIFACT"


async def test_two_jobs_share_an_upload_and_no_file(api: RunningApi) -> None:
    """Erasing one leaves the input of the other. It is gone with its job, and the proof counts it."""
    mine, other = await _submitted(api), await _submitted(api)
    assert len(_sealed(api)) == 2
    await api.complete(mine)
    assert (await api.audit.VerifyJob(au.VerifyJobRequest(job_id=mine))).valid
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=mine))
    assert [key.rpartition("/")[0] for key in _sealed(api)] == [f"jobs/{await api.folder(other)}"]
    request = pb.ReadArtifactRequest(job_id=mine, kind=job_pb2.ARTIFACT_KIND_INPUT)
    assert (await refused(api.jobs.ReadArtifact(request))).reason == "JOB_ERASED"
    (shown,) = (await api.jobs.GetJob(pb.GetJobRequest(job_id=mine))).job.inputs
    assert (shown.sha256, shown.width, shown.role) == ("", 0, FIRST)
    assert (await api.audit.VerifyJob(au.VerifyJobRequest(job_id=mine))).valid
    assert (await _read(api, other))[1] == picture()


@pytest.mark.parametrize("damage", [b"changed", None], ids=["damaged", "missing"])
async def test_a_damaged_input_is_found(api: RunningApi, damage: bytes | None) -> None:
    """By the proof, and by whoever reads it."""
    job_id = await _submitted(api)
    (key,) = _sealed(api)
    api.artifacts.replace(key, damage)
    proof = await api.audit.VerifyJob(au.VerifyJobRequest(job_id=job_id))
    assert [check.name for check in proof.checks if not check.holds] == ["artifacts"]
    assert f"input {key}" in proof.checks[-1].detail
    request = pb.ReadArtifactRequest(job_id=job_id, kind=job_pb2.ARTIFACT_KIND_INPUT)
    reason = (await refused(api.jobs.ReadArtifact(request))).reason
    assert reason == ("ARTIFACT_MISSING" if damage is None else "ARTIFACT_DAMAGED")


async def test_a_repeated_submit_finds_its_job(api: RunningApi) -> None:
    """Also when its upload has expired. Another file under the same request id is another request."""
    job_id = await _submitted(api, request_id="r1")
    upload = await uploaded(api, picture())
    request = pb.SubmitJobRequest(
        prompt="a heron named Quillfeather stands in a pond",
        model="i2v",
        inputs=[first_frame(upload)],
        request_id="r1",
    )
    api.clock.now += timedelta(days=2)
    await _sweep(api).sweep()
    again = await api.jobs.SubmitJob(request)
    assert (again.created, again.job.id, len(again.job.inputs)) == (False, job_id, 1)
    assert len(_sealed(api)) == 1
    request.inputs[0].upload_id = (await uploaded(api, picture(1))).id
    assert (await refused(api.jobs.SubmitJob(request))).reason == "REQUEST_ID_REUSED"


async def test_racing_submits_leave_one_copy(api: RunningApi) -> None:
    """The copies of those that lose are deleted."""
    upload = await uploaded(api, picture())
    request = pb.SubmitJobRequest(
        prompt="a fox", model="i2v", inputs=[first_frame(upload)], request_id="race"
    )
    answers = await asyncio.gather(*(api.jobs.SubmitJob(request) for _ in range(8)))
    assert sorted(answer.created for answer in answers) == [False] * 7 + [True]
    assert (await _read(api, answers[0].job.id))[1] == picture()
    assert len(_sealed(api)) == 1
    assert api.artifacts._temporaries == {}


@pytest.mark.parametrize("replaced_before", [{1}, {2}, {3}, {1, 4}])
async def test_an_upload_that_is_sent_again_meanwhile_can_be_used(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, replaced_before: set[int]
) -> None:
    """Clients send the picture of several jobs once for each. Whichever read it comes before, the new file is used."""
    upload = await uploaded(api, picture())
    read, reads, replacing = api.uploads.read, 0, False

    async def replaced(*arguments: Any) -> AsyncIterator[bytes]:
        nonlocal reads, replacing
        if not replacing:
            reads += 1
            if replacing := reads in replaced_before:
                await uploaded(api, picture())
                replacing = False
        async for piece in read(*arguments):
            yield piece

    monkeypatch.setattr(api.uploads, "read", replaced)
    job_id = await api.submit(model="i2v", inputs=[first_frame(upload)])
    monkeypatch.undo()
    assert reads > 3  # as many as there are if nothing happens
    assert (await _read(api, job_id))[1] == picture()


async def test_a_batch_takes_inputs(api: RunningApi) -> None:
    """An upload that cannot be used refuses its job alone."""
    known, unknown = (
        first_frame(await uploaded(api, picture())),
        pb.InputReference(role=FIRST, upload_id="a" * 26),
    )
    requests = [
        pb.SubmitJobRequest(prompt="a fox"),
        pb.SubmitJobRequest(prompt="a fox", model="i2v", inputs=[known]),
        pb.SubmitJobRequest(prompt="a fox", model="i2v", inputs=[unknown]),
        pb.SubmitJobRequest(prompt="a fox", model="i2v"),
    ]
    answer = await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=requests))
    assert [result.error.code for result in answer.results] == [0, 0, 3, 3]
    assert (await _read(api, answer.results[1].job_id))[1] == picture()


async def test_the_copies_of_a_batch_delay_no_other_tenant(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each tenant has its own turns."""
    mine, theirs = await uploaded(api, picture()), await uploaded(api, picture(), OTHER)
    stage, slow = api.artifacts.stage, asyncio.Event()
    waiting: set[str] = set()

    async def slow_for_mine(content: Any, job_id: str) -> Any:
        if len(waiting) < CONCURRENT_COPIES:
            waiting.add(job_id)
            await slow.wait()
        return await stage(content, job_id)

    monkeypatch.setattr(api.artifacts, "stage", slow_for_mine)
    request = pb.SubmitJobRequest(prompt="a fox", model="i2v", inputs=[first_frame(mine)])
    batch = api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=[request] * (CONCURRENT_COPIES + 2)))
    await until_true(lambda: len(waiting) == CONCURRENT_COPIES, "the batch has all turns of its tenant")
    request.inputs[0].upload_id = theirs.id
    assert (await api.jobs.SubmitJob(request, metadata=OTHER)).created
    slow.set()
    assert all(result.created for result in (await batch).results)


@pytest.mark.parametrize("case", ["unknown", "expired", "another tenant's", "key lost", "damaged"])
async def test_an_upload_that_cannot_be_used_is_refused(api: RunningApi, case: str) -> None:
    """All cases alike: upload the file again. Nobody learns that another tenant has a file."""
    metadata = OTHER if case == "another tenant's" else ()
    upload = await uploaded(api, picture(), metadata)
    (key,) = api.uploads._artifacts
    if case == "unknown":
        upload.id = "a" * 26
    if case == "expired":
        api.clock.now += timedelta(days=1)
    if case == "key lost":
        await api.keys.erase(api.uploads._artifacts[key][:26].decode())
    if case == "damaged":
        api.uploads.replace(key, b"changed")
    request = pb.SubmitJobRequest(prompt="a fox", model="i2v", inputs=[first_frame(upload)])
    problem = await refused(api.jobs.SubmitJob(request))
    assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UPLOAD_UNKNOWN")
    text = "is no upload of yours, or it has expired; upload the file again"
    assert problem.fields == {"inputs[0].upload_id": text}
    assert await api.store.last_position() == 0


async def test_a_clip_is_no_first_frame(api: RunningApi) -> None:
    """The type that was found counts, for each input."""
    clip, image = await uploaded(api, WEBM), await uploaded(api, picture())
    request = pb.SubmitJobRequest(prompt="a fox", model="i2v", inputs=[first_frame(image)])
    request.inputs.append(pb.InputReference(role=LAST, upload_id=clip.id))
    problem = await refused(api.jobs.SubmitJob(request))
    assert problem.reason == "INPUT_UNSUITABLE"
    assert "last_frame takes image/png or image/jpeg or image/webp" in problem.fields["inputs[1].role"]
    assert api.artifacts._artifacts == {}


@pytest.mark.parametrize("method", ["head", "read"])
async def test_a_store_that_is_away_refuses_no_job(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """The client is told to try again."""
    upload = await uploaded(api, picture())

    def away(*_: object) -> None:
        raise ArtifactsUnavailable("no answer")

    monkeypatch.setattr(api.uploads, method, away)
    request = pb.SubmitJobRequest(prompt="a fox", model="i2v", inputs=[first_frame(upload)])
    problem = await refused(api.jobs.SubmitJob(request))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAVAILABLE, "ARTIFACTS_UNAVAILABLE")
    assert problem.retry_seconds


async def test_what_an_interrupted_submit_leaves_is_swept(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy without a job is deleted after a day. If the log has the job after all, its copy stays."""
    append, stored = api.store.append, asyncio.Event()

    async def loses_the_answer(commit: Any) -> None:
        if stored.is_set():
            await append(commit)
        raise LogUnavailable("no answer")

    api.artifacts._clock = api.clock
    monkeypatch.setattr(api.store, "append", loses_the_answer)
    upload = await uploaded(api, picture())
    for request_id in ("lost", "stored"):
        request = pb.SubmitJobRequest(
            prompt="a fox", model="i2v", inputs=[first_frame(upload)], request_id=request_id
        )
        assert (await refused(api.jobs.SubmitJob(request))).code is grpc.StatusCode.UNAVAILABLE
        stored.set()
    await _sweep(api).sweep()
    assert (len(_sealed(api)), len(api.artifacts._temporaries)) == (2, 2)
    api.clock.now += timedelta(days=1, hours=1)
    await _sweep(api).sweep()
    (kept,) = _sealed(api)
    assert await api.store.load(kept.split("/")[2]) is not None
    assert api.artifacts._temporaries == {}


async def test_a_copy_that_the_job_does_not_name_is_swept(api: RunningApi) -> None:
    """It is of a submit that lost to another one and was interrupted before it deleted its copy."""
    api.artifacts._clock = api.clock
    job_id = await _submitted(api)
    (named,) = _sealed(api)

    content = b"sealed under a key that no job names"
    for place in (await api.folder(job_id), job_id):  # the second one is of an api of an earlier version
        await api.artifacts.commit(
            await api.artifacts.stage(_once(content), place), ".sealed", keep_staged=True
        )
    await _sweep(api).sweep()
    assert len(_sealed(api)) == 3
    api.clock.now += timedelta(days=1, hours=1)
    await _sweep(api).sweep()
    assert _sealed(api) == [named]
