"""The stage `sign` of an attempt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.queue.ticket_handler import TicketHandler

from kinolog.job import events as e
from kinolog.job.values import ArtifactKind, Stage, Status
from kinolog.provenance import Provenance, SigningFailed, UnsignableVideo
from tests.builders.memory_worker import MemoryWorker
from tests.fixtures.waits import until

FINGERPRINT = "c" * 64


class StampingSigner:
    """Appends a stamp to the video. Fails for as long as `reason` is set."""

    def __init__(self) -> None:
        self.stated: list[Provenance] = []
        self.reason = ""
        self.failure: type[Exception] = SigningFailed

    def sign(self, source: Path, target: Path, provenance: Provenance) -> str:
        if self.reason:
            raise self.failure(self.reason)
        self.stated.append(provenance)
        target.write_bytes(source.read_bytes() + b" signed")
        return FINGERPRINT


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


def with_signer(memory_worker: MemoryWorker, signer: StampingSigner) -> None:
    """Let the worker sign."""
    memory_worker.dependencies = replace(memory_worker.dependencies, signer=signer)
    memory_worker.ticket_handler = TicketHandler(memory_worker.dependencies)


async def stages_of(memory_worker: MemoryWorker, job_id: str) -> list[Stage]:
    """The stages that the job finished."""
    return [
        event.stage
        for recorded in [r async for r in memory_worker.store.history(job_id)]
        for event in recorded.commit.events
        if isinstance(event, e.StageFinished)
    ]


async def test_the_stored_video_is_the_signed_one(memory_worker: MemoryWorker) -> None:
    """The log names the signed file and its signer. The file names a commit of the job before the end."""
    signer = StampingSigner()
    with_signer(memory_worker, signer)
    job_id = await memory_worker.submit("A purple unicorn. Then a ring.")
    job = await memory_worker.work(job_id)
    assert job.status is Status.COMPLETED
    assert {artifact.kind: artifact.signed_by for artifact in job.artifacts} == {
        ArtifactKind.VIDEO: FINGERPRINT,
        ArtifactKind.THUMBNAIL: "",
        ArtifactKind.PREVIEW: "",
    }
    assert all(scene.artifact is not None and not scene.artifact.signed_by for scene in job.scenes)
    video = next(artifact for artifact in job.artifacts if artifact.kind is ArtifactKind.VIDEO)
    content = b"".join([chunk async for chunk in memory_worker.dependencies.artifacts.read(video.key)])
    assert content == b"video signed"
    assert (await stages_of(memory_worker, job_id))[-2:] == [Stage.SIGN, Stage.STORE]
    (stated,) = signer.stated
    history = [recorded async for recorded in memory_worker.store.history(job_id)]
    (named,) = [recorded for recorded in history if recorded.digest.hex() == stated.log_hash]
    assert named.position < history[-1].position
    assert (
        e.StageStarted(at=named.commit.events[-1].at, attempt=1, stage=Stage.SIGN) == named.commit.events[-1]
    )
    assert (stated.job_id, stated.model) == (job_id, "card")
    assert job.media is not None
    assert stated.frame_hash == job.media.frame_hash
    assert "unicorn" not in repr(stated)


async def test_an_unsigned_video_is_recorded_as_such(memory_worker: MemoryWorker) -> None:
    """Without a certificate there is no stage `sign`, and the log names no signer."""
    job_id = await memory_worker.submit()
    job = await memory_worker.work(job_id)
    assert job.status is Status.COMPLETED
    assert [artifact.signed_by for artifact in job.artifacts] == ["", "", ""]
    assert Stage.SIGN not in await stages_of(memory_worker, job_id)


async def test_a_job_waits_until_its_video_can_be_signed(memory_worker: MemoryWorker) -> None:
    """A certificate that cannot be used fails no job: an alarm tells it, and the same attempt completes later."""
    signer = StampingSigner()
    signer.reason = "the certificate has expired"
    with_signer(memory_worker, signer)
    job_id = await memory_worker.submit()
    working = asyncio.create_task(memory_worker.work(job_id))
    (alarm,) = await until(memory_worker.alarms.current, "the alarm is raised")
    assert alarm.name == "signing"
    assert "KINOLOG_SIGNING_CERTIFICATE" in alarm.text
    signer.reason = ""
    job = await working
    assert (job.status, job.attempt) == (Status.COMPLETED, 1)
    assert await memory_worker.alarms.current() == ()


async def test_a_video_that_changes_before_it_is_signed(memory_worker: MemoryWorker) -> None:
    """Only the video that was verified is signed."""
    signer = StampingSigner()
    with_signer(memory_worker, signer)
    rendering = memory_worker.inference.script

    async def changed(inference: object, job: object) -> object:
        async for message in rendering(inference, job):  # type: ignore[arg-type]  # a script takes what it is given
            (job.folder / "video.mp4").write_bytes(b"something else")  # type: ignore[attr-defined]  # a render job
            yield message

    memory_worker.inference.script = changed  # type: ignore[assignment]  # the script of the builder with a change
    job = await memory_worker.work(await memory_worker.submit())
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "STORE_FAILED"
    assert signer.stated == []


async def test_a_video_that_cannot_be_signed_holds_no_worker(memory_worker: MemoryWorker) -> None:
    """The attempt fails and is tried again. No alarm accuses the certificate."""
    signer = StampingSigner()
    signer.reason, signer.failure = "it has no moov box", UnsignableVideo
    with_signer(memory_worker, signer)
    job = await memory_worker.work(await memory_worker.submit())
    assert job.attempts[0].error is not None
    assert (job.attempts[0].error.code, job.attempts[0].error.retryable) == ("STORE_FAILED", True)
    assert await memory_worker.alarms.current() == ()
