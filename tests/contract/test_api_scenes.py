"""Shots and scenes of submitted jobs, over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kinolog.ids import job_id as job_id_of
from kinolog.ids import new_id
from kinolog.job import commands as c
from kinolog.job.values import ArtifactKind, Scene
from kinolog.privacy.sealed_fields import scene_purpose
from kinolog.privacy.sealer import Sealer, new_key
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.jobs import sealed_spec, submit
from tests.builders.running_api import RunningApi, refused, running_api

PROMPT = "A heron wades. Then it flies off over the reeds. Shot on 35mm. 4k."
SECRET = "Quillfeather"
SCENES = [
    pb.SceneRequest(prompt=f"a {SECRET} rises", duration_seconds=2, transition=pb.TRANSITION_FADE),
    pb.SceneRequest(prompt=f"the {SECRET} falls, zoom in", duration_seconds=1.5, seed=11),
    pb.SceneRequest(prompt=f"no {SECRET}", duration_seconds=1, transition=pb.TRANSITION_DISSOLVE),
]


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def board(api: RunningApi, job_id: str) -> list[job_pb2.Scene]:
    """Return the scenes of a job."""
    return list((await api.jobs.GetStoryboard(pb.GetStoryboardRequest(job_id=job_id))).scenes)


@pytest.mark.parametrize("shots", [pb.SHOTS_UNSPECIFIED, pb.SHOTS_ONE])
async def test_a_prompt_is_one_shot(api: RunningApi, shots: pb.Shots.ValueType) -> None:
    """The only scene has the whole prompt, the whole length and the seed of the job."""
    job_id = await api.submit(PROMPT, shots=shots, duration_seconds=4, seed=7)
    (scene,) = await board(api, job_id)
    assert (scene.prompt, scene.duration_seconds, scene.frames, scene.seed) == (PROMPT, 4.0, 32, 7)


async def test_marks_cut_a_prompt_if_asked(api: RunningApi) -> None:
    """With auto the prompt is cut, its style is in each scene, and all scenes have the seed of the job."""
    job_id = await api.submit(PROMPT, shots=pb.SHOTS_AUTO, duration_seconds=4, seed=7)
    assert [(scene.prompt, scene.frames, scene.seed) for scene in await board(api, job_id)] == [
        ("A heron wades. Shot on 35mm. 4k.", 16, 7),
        ("it flies off over the reeds. Shot on 35mm. 4k.", 16, 7),
    ]
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    assert (job.spec.prompt, job.scene_count) == (PROMPT, 2)


async def test_a_running_job_has_thumbnails_of_its_scenes(api: RunningApi) -> None:
    """One is there as soon as its scene is recorded, and it is gone when the job is erased."""
    job_id = await api.submit(PROMPT, shots=pb.SHOTS_AUTO, duration_seconds=4)
    await api.start_attempt(job_id)
    clip, picture = [
        await api.stored(job_id, kind.value.encode(), kind)
        for kind in (ArtifactKind.SCENE, ArtifactKind.SCENE_THUMBNAIL)
    ]
    rendered = c.RecordScene(id=new_id(), actor="w1", attempt=1, scene=1, artifact=clip, thumbnail=picture)
    await api.work(job_id, rendered)
    first, second = await board(api, job_id)
    assert (first.HasField("thumbnail"), second.thumbnail.sha256) == (False, picture.sha256)
    request = pb.ReadArtifactRequest(job_id=job_id, kind=job_pb2.ARTIFACT_KIND_SCENE_THUMBNAIL, scene=1)
    sent = [message.data async for message in api.jobs.ReadArtifact(request)]
    assert b"".join(sent) == b"scene_thumbnail"
    request.scene = 0
    assert (await refused(api.jobs.ReadArtifact(request))).reason == "NO_SUCH_ARTIFACT"
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    await api.work(job_id, c.ConfirmCancel(id=new_id(), actor="w1", attempt=1))
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    assert await api.artifacts.keys_of(await api.folder(job_id)) == []
    assert not any(scene.HasField("thumbnail") for scene in await board(api, job_id))


async def test_scenes_are_as_listed(api: RunningApi) -> None:
    """Each scene has its text after the common one, its length, its transition, and its seed or else the job's."""
    job_id = await api.submit("noir", scenes=SCENES, seed=7)
    listed = await board(api, job_id)
    assert [scene.prompt for scene in listed] == [f"noir. {scene.prompt}" for scene in SCENES]
    assert [(scene.start_seconds, scene.duration_seconds) for scene in listed] == [(0, 2), (2, 1.5), (3.5, 1)]
    assert [(scene.transition, scene.seed, scene.camera) for scene in listed] == [
        ("fade", 7, "static"),
        ("cut", 11, "zoom_in"),
        ("dissolve", 7, "static"),
    ]
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    assert (job.spec.prompt, job.spec.frames) == ("noir", 36)


async def test_scenes_without_a_common_prompt(api: RunningApi) -> None:
    """Lists show the prompts of the scenes. In a batch a job has its scenes too."""
    requests = [pb.SubmitJobRequest(scenes=SCENES), pb.SubmitJobRequest(prompt="x")]
    results = (await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=requests))).results
    assert [scene.prompt for scene in await board(api, results[0].job_id)] == [
        scene.prompt for scene in SCENES
    ]
    listed = {job.id: job for job in (await api.jobs.ListJobs(pb.ListJobsRequest())).jobs}
    assert listed[results[0].job_id].spec.prompt == ". ".join(scene.prompt for scene in SCENES)
    assert listed[results[0].job_id].scene_count == 3


async def test_scenes_are_sealed_and_erased(api: RunningApi) -> None:
    """No commit holds the text of a scene, and an erased job has none."""
    job_id = await api.submit("", scenes=SCENES)
    async for batch in api.store.read(0):
        assert all(SECRET.encode() not in recorded.raw for recorded in batch)
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
    assert [scene.prompt for scene in await board(api, job_id)] == [""] * 3


async def test_a_repeated_request_must_have_the_same_scenes(api: RunningApi) -> None:
    """The same scenes find their job; other scenes under its request id are refused."""
    request = pb.SubmitJobRequest(scenes=SCENES, request_id="r1")
    first = await api.jobs.SubmitJob(request)
    again = await api.jobs.SubmitJob(request)
    assert (again.created, again.job.id) == (False, first.job.id)
    other = pb.SubmitJobRequest(prompt=f"{SCENES[0].prompt}. {SCENES[1].prompt}", request_id="r1")
    results = (await api.jobs.BatchSubmitJobs(pb.BatchSubmitJobsRequest(requests=[other]))).results
    assert results[0].error.code != 0


async def test_jobs_of_earlier_versions_have_the_scenes_that_they_were_planned_with(api: RunningApi) -> None:
    """A prompt that was cut at sentences, with a seed per scene, stays so: read, sent again, and tried again."""
    job_id = job_id_of("default", "old")
    sealer = Sealer(job_id, key := new_key())
    await api.keys.create({job_id: key})
    text = "A cat sleeps. A dog runs."
    scenes = tuple(
        Scene(
            index=index,
            prompt=sealer.seal(prompt, scene_purpose(index)),
            start_seconds=float(index),
            duration_seconds=1.0,
            frames=8,
            camera="static",
            transition="cut",
            seed=seed,
        )
        for index, (prompt, seed) in enumerate([("A cat sleeps.", 7), ("A dog runs.", 3_553_817_977)])
    )
    request = pb.SubmitJobRequest(prompt=text, request_id="old")
    body_hash = sealer.body_hash(request.SerializeToString(deterministic=True))
    await api.work(job_id, submit("old", spec=sealed_spec(sealer, text), body_hash=body_hash, scenes=scenes))
    assert not (await api.jobs.SubmitJob(request)).created
    await api.fail(job_id)
    await api.jobs.RetryJob(pb.RetryJobRequest(job_id=job_id))
    assert [(scene.prompt, scene.seed) for scene in await board(api, job_id)] == [
        ("A cat sleeps.", 7),
        ("A dog runs.", 3_553_817_977),
    ]
