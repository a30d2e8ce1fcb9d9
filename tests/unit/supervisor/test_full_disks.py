"""A worker on full disks and a log that cannot be written: jobs wait, and use neither attempts nor deliveries."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncGenerator, AsyncIterable
from pathlib import Path

import pytest
from kinolog_worker.attempt import attempt_outcome
from kinolog_worker.inference.messages import Message, RenderJob
from kinolog_worker.queue import ticket_handler

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.commands import Cancel
from kinolog.job.values import Status
from kinolog.ports.artifacts import ArtifactsUnavailable, StagedContent, StoredArtifact
from kinolog.ports.event_store import Appended, LogUnavailable
from kinolog.process.backoff import Backoff
from kinolog.process.files.full_disk import is_full
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.builders.memory_worker import ME, MemoryWorker
from tests.builders.scripted_inference import ScriptedInference
from tests.fixtures.waits import WAIT_SECONDS, until

SHORT = Backoff(first_seconds=0.001, longest_seconds=0.001)
MORE_THAN_ALLOWED = 25
"""A ticket that is delivered this often would have ended its job."""


@pytest.fixture
def memory_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryWorker:
    """A worker without jobs, with short pauses."""
    monkeypatch.setattr(attempt_outcome, "STORE_BACKOFF", SHORT)
    monkeypatch.setattr(ticket_handler, "BACKOFF", SHORT)
    return MemoryWorker(tmp_path)


class FillingStore(MemoryArtifacts):
    """A store without room until `freed` is set. `refused` counts the files that it did not take."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.freed = asyncio.Event()
        self.refused = 0
        self._method = method

    async def stage(self, content: Path | AsyncIterable[bytes], job_id: str) -> StagedContent:
        """Stage content, if there is room."""
        self._check("stage", content)
        return await super().stage(content, job_id)

    async def commit(
        self, staged: StagedContent, suffix: str, *, keep_staged: bool = False
    ) -> StoredArtifact:
        """Commit content, if there is room."""
        self._check("commit", suffix)
        return await super().commit(staged, suffix, keep_staged=keep_staged)

    def _check(self, method: str, about: object) -> None:
        if method == self._method and not self.freed.is_set() and "scene" not in str(about):
            self.refused += 1
            raise ArtifactsUnavailable("no space left")


async def test_a_log_that_cannot_be_written_uses_no_delivery(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While no attempt can be appended, the worker holds its ticket; then the job completes in its first attempt."""
    append, refused = memory_worker.store.append, 0

    async def full(commit: object) -> Appended:
        nonlocal refused
        if refused < MORE_THAN_ALLOWED:
            refused += 1
            raise LogUnavailable("no answer")
        return await append(commit)  # type: ignore[arg-type]  # passed on unchanged

    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    monkeypatch.setattr(memory_worker.store, "append", full)
    async with asyncio.timeout(WAIT_SECONDS):
        await memory_worker.ticket_handler.handle(held)
    job = await memory_worker.job(job_id)
    assert (job.status, job.attempt, refused) == (Status.COMPLETED, 1, MORE_THAN_ALLOWED)
    assert held.deliveries == 1


async def test_a_job_that_another_worker_started_meanwhile_keeps_its_ticket(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage a held ticket may be void: the other worker's job and ticket are left alone."""
    load, refused = memory_worker.store.load, 0

    async def unreadable(job_id: str) -> object:
        nonlocal refused
        if refused < 2:
            refused += 1
            raise LogUnavailable("no answer")
        return await load(job_id)

    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    await memory_worker.start_elsewhere(job_id)
    monkeypatch.setattr(memory_worker.store, "load", unreadable)
    async with asyncio.timeout(WAIT_SECONDS):
        await memory_worker.ticket_handler.handle(held)
    monkeypatch.setattr(memory_worker.store, "load", load)
    job = await memory_worker.job(job_id)
    assert (job.status, job.worker, job.attempt) == (Status.PROCESSING, "worker-other", 1)
    assert set(await memory_worker.issuer.outstanding()) == {job_id}


@pytest.mark.parametrize("method", ["stage", "commit"])
async def test_a_full_artifact_store_delays_the_end(memory_worker: MemoryWorker, method: str) -> None:
    """A finished job waits for room in the store, tells so, and completes in the same attempt."""
    store = FillingStore(method)
    memory_worker.set_artifacts(store)
    job_id = await memory_worker.submit("A star.")
    working = asyncio.create_task(memory_worker.work(job_id))
    (alarm,) = await until(memory_worker.alarms.current, "an alarm")
    assert (alarm.name, alarm.source) == ("storage-full-artifacts", ME)
    await until(lambda: _value(store.refused), "several tries", lambda refused: refused > MORE_THAN_ALLOWED)
    store.freed.set()
    job = await working
    assert (job.status, job.attempt) == (Status.COMPLETED, 1)
    assert not await memory_worker.alarms.current()
    stages = [event for event in await memory_worker.events(job_id) if isinstance(event, e.StageStarted)]
    assert len(stages) == len({(stage.stage, stage.scene) for stage in stages})
    assert store._temporaries == {}


async def test_a_job_that_waits_for_the_store_can_be_cancelled(memory_worker: MemoryWorker) -> None:
    """A cancellation ends the wait for a full store."""
    store = FillingStore("commit")
    memory_worker.set_artifacts(store)
    job_id = await memory_worker.submit()
    working = asyncio.create_task(memory_worker.work(job_id))
    await until(memory_worker.alarms.current, "an alarm")
    await memory_worker.send(job_id, Cancel(id=new_id(), actor="ann"))
    assert (await working).status is Status.CANCELLED
    assert store._temporaries == {}


async def test_a_worker_that_waits_for_the_store_can_be_stopped(memory_worker: MemoryWorker) -> None:
    """A worker that stops while it waits puts the job back, and the attempt is not counted."""
    memory_worker.set_artifacts(FillingStore("commit"))
    job_id = await memory_worker.submit()
    working = asyncio.create_task(memory_worker.work(job_id))
    await until(memory_worker.alarms.current, "an alarm")
    memory_worker.ticket_handler.stop()
    job = await working
    assert job.status is Status.QUEUED
    assert job.last_attempt == job.max_attempts + 1


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "no space left on device"), OSError(errno.EDQUOT, "over quota")]
)
async def test_a_worker_error_for_lack_of_room_is_not_counted(
    memory_worker: MemoryWorker, error: OSError
) -> None:
    """An error of the worker itself that a full disk caused is not counted either."""

    async def no_room(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        raise ValueError("wrapped") from error
        yield  # makes it a generator

    memory_worker.inference.script = no_room
    job = await memory_worker.work(await memory_worker.submit())
    assert job.status is Status.QUEUED
    assert job.attempts[0].error is not None
    assert (job.attempts[0].error.code, job.last_attempt) == ("SCRATCH_FULL", job.max_attempts + 1)


def test_a_full_disk_is_recognised_among_causes() -> None:
    """A full disk is found as a cause, as a context and in a group; other errors are not taken for one."""
    full = OSError(errno.ENOSPC, "full")
    chained = RuntimeError("x")
    chained.__cause__ = full
    assert is_full(full)
    assert is_full(chained)
    assert is_full(ExceptionGroup("group", [ValueError(), chained]))
    assert not is_full(OSError(errno.EIO, "broken"))
    assert not is_full(None)


async def _value(value: int) -> int:
    return value
