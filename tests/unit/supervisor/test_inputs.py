"""What a job starts from reaches the renderer as a plain file of this attempt alone, or the attempt says why not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from kinolog_worker.inference.messages import Message, RenderJob

from kinolog.ids import new_id
from kinolog.job.values import Artifact, ArtifactKind, InputFacts, JobInput, Status
from kinolog.models.input_roles import InputRole
from kinolog.ports.artifacts import ArtifactsUnavailable
from kinolog.privacy.sealed_fields import input_content, seal_input_facts
from kinolog.privacy.sealer import Sealer, new_key
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.builders.memory_worker import MemoryWorker
from tests.builders.scripted_inference import ScriptedInference, rendering

CONTENT = bytes(range(256)) * 1_000
FACTS = InputFacts(sha256=sha256(CONTENT).hexdigest(), width=20, height=10)


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


async def _submitted(worker: MemoryWorker, facts: InputFacts = FACTS, job_id: str | None = None) -> str:
    """Submit a job with an input as the api does. Return its id."""
    job_id = job_id or new_id()
    sealer = Sealer(job_id, (await worker.keys.create({job_id: new_key()}))[job_id])
    artifacts = worker.dependencies.artifacts

    async def content() -> AsyncIterator[bytes]:
        yield CONTENT

    staged = await artifacts.stage(input_content(sealer, 0).seal(content()), job_id)
    stored = await artifacts.commit(staged, ".sealed")
    file = Artifact(
        kind=ArtifactKind.INPUT,
        key=stored.key,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        media_type="application/octet-stream",
    )
    one = JobInput(
        role="first_frame",
        media_type="image/png",
        size_bytes=len(CONTENT),
        file=file,
        facts=seal_input_facts(facts, sealer, 0),
    )
    return await worker.submit_sealed(
        job_id, "A star.", {"model": "card", "guidance": 1.0, "inputs": (one,)}, max_attempts=1
    )


async def test_the_renderer_gets_the_file(memory_worker: MemoryWorker) -> None:
    """It has the content, only this user can read it, and it is gone with the attempt."""
    found: list[tuple[bytes, int]] = []

    async def looks(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        (file,) = job.inputs
        found.append((file.path.read_bytes(), file.path.stat().st_mode & 0o777))
        assert (file.role, file.media_type) == (InputRole.FIRST_FRAME, "image/png")
        assert file.path.parent == job.folder
        async for message in rendering(inference, job):
            yield message

    memory_worker.inference.script = looks
    job = await memory_worker.work(await _submitted(memory_worker))
    assert job.status is Status.COMPLETED
    assert found == [(CONTENT, 0o600)]
    assert not memory_worker.inference.jobs[0].folder.exists()


async def test_a_prefetch_needs_no_input(memory_worker: MemoryWorker) -> None:
    """It loads the model and encodes texts."""
    job_id = await _submitted(memory_worker)
    await memory_worker.ticket_handler.handle(await memory_worker.ticket(job_id, prefetch=True))
    assert [job.inputs for job in memory_worker.inference.jobs] in ([], [()])


@pytest.mark.parametrize(
    ("damage", "code"),
    [(None, "INPUT_MISSING"), (b"changed", "INPUT_DAMAGED"), (CONTENT, "INPUT_DAMAGED")],
    ids=["missing", "changed", "unsealed"],
)
async def test_an_input_that_is_not_there_fails_the_job(
    memory_worker: MemoryWorker, damage: bytes | None, code: str
) -> None:
    """At once: no further attempt could have it. The error names the input and what to do."""
    artifacts = memory_worker.dependencies.artifacts
    assert isinstance(artifacts, MemoryArtifacts)
    job_id = await _submitted(memory_worker)
    (key,) = await artifacts.keys_of(job_id)
    artifacts.replace(key, damage)
    job = await memory_worker.work(job_id)
    assert job.error is not None
    assert (job.status, job.error.code, job.error.retryable) == (Status.FAILED, code, False)
    assert "input 1, the first picture, is" in job.error.message
    assert key in job.error.message
    assert memory_worker.inference.jobs == []


async def test_another_content_is_no_input(memory_worker: MemoryWorker) -> None:
    """The hash that was recorded counts, even if the file is intact and unseals."""
    job_id = await _submitted(memory_worker, InputFacts(sha256="0" * 64))
    job = await memory_worker.work(job_id)
    assert job.error is not None
    assert job.error.code == "INPUT_DAMAGED"


async def test_a_store_that_is_away_is_no_attempt_of_the_job(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job with a single attempt is tried again, and completes when the store is back."""
    job_id = await _submitted(memory_worker)

    def away(*_: object) -> AsyncIterator[bytes]:
        raise ArtifactsUnavailable("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(memory_worker.dependencies.artifacts, "read", away)
        job = await memory_worker.work(job_id)
    assert (job.status, job.attempts[-1].error is not None) == (Status.QUEUED, True)
    assert job.not_before is not None
    memory_worker.now = job.not_before
    assert (await memory_worker.work(job_id)).status is Status.COMPLETED
