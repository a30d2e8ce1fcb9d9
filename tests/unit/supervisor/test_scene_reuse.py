"""Scenes of earlier attempts: used again, unless they are gone or damaged."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.attempt.artifact_files import fetch_scenes
from kinolog_worker.inference.messages import FinishedMessage, Message, RenderJob, StageStartedMessage

from kinolog.ids import new_id
from kinolog.job.commands import RecordScene
from kinolog.job.values import Artifact as JobArtifact
from kinolog.job.values import ArtifactKind, Status
from kinolog.ports.artifacts import ArtifactsUnavailable, StagedContent, digest_in, job_folder
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.builders.memory_worker import MemoryWorker
from tests.builders.scripted_inference import ScriptedInference, failing, rendering


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


async def test_scenes_of_an_earlier_attempt_are_used_again(memory_worker: MemoryWorker) -> None:
    """A second attempt receives the scenes that the first one stored."""
    job_id = await memory_worker.submit()

    async def dies_after_one_scene(
        inference: ScriptedInference, job: RenderJob
    ) -> AsyncGenerator[Message, None]:
        async for message in rendering(inference, job):
            if isinstance(message, StageStartedMessage) and message.scene == 1:
                break
            yield message
        async for message in failing("WORKER_CRASHED", retryable=True)(inference, job):
            yield message

    memory_worker.inference.script = dies_after_one_scene
    job = await memory_worker.work(job_id)
    assert (job.status, [scene.artifact is not None for scene in job.scenes]) == (
        Status.QUEUED,
        [True, False],
    )
    memory_worker.now = job.not_before or memory_worker.now
    memory_worker.inference.script = rendering
    assert (await memory_worker.work(job_id)).status is Status.COMPLETED
    assert [file.index for file in memory_worker.inference.jobs[1].finished_scenes] == [0]


async def test_a_damaged_scene_is_rendered_again(memory_worker: MemoryWorker) -> None:
    """Of the scenes of an earlier attempt, a damaged one is not used, and its place in the store is healed."""
    job_id = await memory_worker.submit()

    async def dies_at_the_end(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        async for message in rendering(inference, job):
            if not isinstance(message, FinishedMessage):
                yield message
        async for message in failing("WORKER_CRASHED", retryable=True)(inference, job):
            yield message

    store = MemoryArtifacts()
    memory_worker.set_artifacts(store)
    memory_worker.inference.script = dies_at_the_end
    job = await memory_worker.work(job_id)
    keys = [scene.artifact.key for scene in job.scenes if scene.artifact is not None]
    assert len(keys) == 2
    store.replace(keys[0], b"damaged")
    memory_worker.now = job.not_before or memory_worker.now
    memory_worker.inference.script = rendering
    assert (await memory_worker.work(job_id)).status is Status.COMPLETED
    assert [file.index for file in memory_worker.inference.jobs[1].finished_scenes] == [1]
    assert (await store.measure(keys[0])).sha256 == digest_in(keys[0])


async def test_in_a_chained_job_what_follows_a_damaged_scene_is_left_out(
    memory_worker: MemoryWorker,
) -> None:
    """It went on from frames that are not there any more."""
    spec = {"model": "card", "guidance": 1.0, "frames": 24, "chained": True}
    job_id = await memory_worker.submit_sealed(new_id(), "A star. Then a ring. Then a square.", spec)
    await memory_worker.start_elsewhere(job_id)
    for scene in range(3):
        content = b"scene %d" % scene
        path = memory_worker.folder / f"{scene}.mp4"
        path.write_bytes(content)
        staged = await memory_worker.dependencies.artifacts.stage(path, job_id)
        stored = await memory_worker.dependencies.artifacts.commit(staged, ".mp4")
        artifact = JobArtifact(
            kind=ArtifactKind.SCENE,
            key=stored.key,
            sha256=stored.sha256,
            size_bytes=len(content),
            media_type="video/mp4",
        )
        await memory_worker.send(
            job_id,
            RecordScene(id=new_id(), actor="worker-other", attempt=1, scene=scene, artifact=artifact),
        )
    job = await memory_worker.job(job_id)
    store = memory_worker.dependencies.artifacts
    assert isinstance(store, MemoryArtifacts)
    assert [file.index for file in await fetch_scenes(store, job, memory_worker.folder)] == [0, 1, 2]
    assert job.scenes[1].artifact is not None
    store.replace(job.scenes[1].artifact.key, b"damaged")
    assert [file.index for file in await fetch_scenes(store, job, memory_worker.folder)] == [0]
    not_stored = (job.scenes[0], replace(job.scenes[1], artifact=None), job.scenes[2])
    gap = replace(job, scenes=not_stored)
    assert [file.index for file in await fetch_scenes(store, gap, memory_worker.folder)] == [0]
    apart = replace(job, spec=replace(job.spec, chained=False))
    assert [file.index for file in await fetch_scenes(store, apart, memory_worker.folder)] == [0, 2]


async def test_scenes_that_are_gone_are_rendered_again(memory_worker: MemoryWorker) -> None:
    """The second attempt does not receive a scene that is no longer stored."""
    job_id = await memory_worker.submit()
    memory_worker.inference.script = failing("WORKER_CRASHED", retryable=True)
    await memory_worker.start_elsewhere(job_id)
    key = "sha256/00/" + "0" * 62 + ".mp4"
    artifact = JobArtifact(
        kind=ArtifactKind.SCENE, key=key, sha256="0" * 64, size_bytes=3, media_type="video/mp4"
    )
    await memory_worker.send(
        job_id, RecordScene(id=new_id(), actor="worker-other", attempt=1, scene=0, artifact=artifact)
    )
    memory_worker.inference.script = rendering
    assert (await memory_worker.work(job_id)).status is Status.COMPLETED
    assert memory_worker.inference.jobs[0].finished_scenes == ()


async def test_a_thumbnail_that_cannot_be_stored_harms_nothing(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its scene is recorded without it. One that is stored is in the folder of the job."""
    stage = memory_worker.dependencies.artifacts.stage

    async def no_second(content: Path, folder: str) -> StagedContent:
        if content.name == "scene-1.jpg":
            raise ArtifactsUnavailable("no room")
        return await stage(content, folder)

    monkeypatch.setattr(memory_worker.dependencies.artifacts, "stage", no_second)
    job = await memory_worker.work(await memory_worker.submit())
    assert all(scene.artifact for scene in job.scenes)
    first, second = [scene.thumbnail for scene in job.scenes]
    assert first is not None
    assert (first.kind, first.media_type) == (ArtifactKind.SCENE_THUMBNAIL, "image/jpeg")
    assert job_folder(job.tenant, job.id) in first.key
    assert second is None
