"""What a worker does with its tickets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.inference.messages import Message, RenderJob

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.commands import Cancel, FailAttempt, GiveUp, Prefetch
from kinolog.job.commit import Commit
from kinolog.job.values import JobError, Status
from kinolog.models.memory.needs import GIB
from kinolog.ports.event_store import Appended, DamagedLog, LoadedJob, LogUnavailable
from kinolog.ports.workers import MemoryNeed, WorkerReport
from tests.adapters.memory.commit_notifications import MemoryCommitSubscription
from tests.builders.memory_worker import ME, START, MemoryWorker, issued
from tests.builders.scripted_inference import ScriptedInference, rendering
from tests.fixtures.waits import WAIT_SECONDS


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


@pytest.mark.parametrize("ended", ["cancelled", "given up"])
async def test_a_stale_ticket_is_acknowledged(memory_worker: MemoryWorker, ended: str) -> None:
    """The ticket of a job that has ended is acknowledged, and nothing is rendered."""
    job_id = await memory_worker.submit()
    poisoned = GiveUp(
        id=new_id(), actor="projector", error=JobError(code="POISONED", message="no", retryable=False)
    )
    await memory_worker.send(job_id, Cancel(id=new_id(), actor="ann") if ended == "cancelled" else poisoned)
    await memory_worker.work(job_id)
    assert await memory_worker.issuer.outstanding() == {}
    assert memory_worker.inference.jobs == []


async def test_a_job_of_an_unserved_model_is_left_to_others(memory_worker: MemoryWorker) -> None:
    """A worker releases the ticket of a model that it does not serve, and does not change the job."""
    job_id = await memory_worker.submit(model="big")
    job = await memory_worker.work(job_id)
    assert job.status is Status.QUEUED
    assert set(await memory_worker.issuer.outstanding()) == {job_id}


async def test_a_lost_worker_s_job_is_taken_over(memory_worker: MemoryWorker) -> None:
    """A job whose worker is gone is taken over, and its attempt is recorded as lost."""
    job_id = await memory_worker.submit()
    await memory_worker.start_elsewhere(job_id)
    job = await memory_worker.work(job_id)
    assert (job.status, job.attempt) == (Status.COMPLETED, 2)
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_LOST"


async def test_a_second_ticket_does_not_take_a_job_from_a_living_worker(memory_worker: MemoryWorker) -> None:
    """The first delivery of a ticket whose job another worker reports is a second copy, and is acknowledged."""
    job_id = await memory_worker.submit()
    await memory_worker.start_elsewhere(job_id)
    report = WorkerReport(
        name="worker-other",
        device="cpu",
        hardware="",
        models=(),
        loaded_models=(),
        started_at=START,
        seen_at=START,
        job_id=job_id,
    )
    await memory_worker.workers.report(report)
    job = await memory_worker.work(job_id)
    assert (job.status, job.worker) == (Status.PROCESSING, "worker-other")
    assert await memory_worker.issuer.outstanding() == {}


async def test_a_late_copy_of_a_ticket_does_not_take_a_job(memory_worker: MemoryWorker) -> None:
    """A ticket from before the start of an attempt is dropped, also if the worker of that has not reported it yet."""
    job_id = await issued(memory_worker)
    held = await memory_worker.dependencies.queue.take(["tiny"])
    await memory_worker.start_elsewhere(job_id)
    await memory_worker.ticket_handler.handle(held)
    job = await memory_worker.job(job_id)
    assert (job.status, job.worker) == (Status.PROCESSING, "worker-other")
    assert await memory_worker.issuer.outstanding() == {}


async def test_a_cancelled_job_of_a_lost_worker_ends_without_rendering(memory_worker: MemoryWorker) -> None:
    """If a job was cancelled before its worker was lost, taking it over ends it."""
    job_id = await memory_worker.submit()
    await memory_worker.start_elsewhere(job_id)
    await memory_worker.send(job_id, Cancel(id=new_id(), actor="ann"))
    job = await memory_worker.work(job_id)
    assert job.status is Status.CANCELLED
    assert (memory_worker.inference.jobs, await memory_worker.issuer.outstanding()) == ([], {})


async def test_appends_are_retried_during_an_outage_of_the_log(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appends that fail because the log is unavailable are retried; each commit is stored exactly once."""
    append = memory_worker.store.append
    calls = 0

    async def unreliable(commit: object) -> Appended:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise LogUnavailable("no answer before it was stored")
        appended = await append(commit)  # type: ignore[arg-type]  # passed on unchanged
        if calls % 5 == 0:
            raise LogUnavailable("no answer after it was stored")
        return appended

    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    monkeypatch.setattr(memory_worker.store, "append", unreliable)
    async with asyncio.timeout(WAIT_SECONDS):
        await memory_worker.ticket_handler.handle(held)
    job = await memory_worker.job(job_id)
    assert job.status is Status.COMPLETED
    kinds = Counter(type(event) for event in await memory_worker.events(job_id))
    assert (kinds[e.AttemptStarted], kinds[e.SceneRendered], kinds[e.Completed]) == (1, 2, 1)
    assert kinds[e.StageStarted] == kinds[e.StageFinished]


async def test_an_attempt_waits_for_its_key(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Api and projector are away after the start: the same attempt goes on with the key that they give later."""
    keys = memory_worker.dependencies.keys
    of_attempt, asked = keys.of_attempt, list[int]()

    async def away_once(job_id: str, attempt: int) -> bytes | None:
        asked.append(attempt)
        if len(asked) == 1:
            raise LogUnavailable("no api and no projector answers")
        return await of_attempt(job_id, attempt)

    monkeypatch.setattr(keys, "of_attempt", away_once)
    job = await memory_worker.work(await memory_worker.submit())
    assert (job.status, job.attempt, asked) == (Status.COMPLETED, 1, [1, 1])


async def test_a_damaged_log_fails_no_job(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that meets damage keeps its ticket, and nothing is recorded; the job runs once the log is whole."""
    append, load = memory_worker.store.append, memory_worker.store.load
    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    refusals = 0

    async def damaged(commit: object) -> Appended:
        nonlocal refusals
        refusals += 1
        raise DamagedLog("the log has lost its end")

    async def repaired(job_id: str) -> LoadedJob | None:
        if refusals >= 2:
            monkeypatch.setattr(memory_worker.store, "append", append)
        return await load(job_id)

    monkeypatch.setattr(memory_worker.store, "append", damaged)
    monkeypatch.setattr(memory_worker.store, "load", repaired)
    async with asyncio.timeout(WAIT_SECONDS):
        await memory_worker.ticket_handler.handle(held)
    job = await memory_worker.job(job_id)
    assert (job.status, job.attempt, refusals) == (Status.COMPLETED, 1, 2)
    assert held.deliveries == 1


@pytest.mark.parametrize("error", [DamagedLog("the log has lost its end"), LogUnavailable("no answer")])
@pytest.mark.parametrize("where", [e.StageStarted, e.SceneRendered, e.Completed, "the watch of the job"])
async def test_trouble_of_the_log_fails_no_running_attempt(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch, where: type | str, error: Exception
) -> None:
    """Whichever task of an attempt meets the trouble, the attempt goes on once the log is well, and is not counted."""
    append, load = memory_worker.store.append, memory_worker.store.load
    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    raised = asyncio.Event()

    async def sick_append(commit: Commit) -> Appended:
        if isinstance(where, type) and isinstance(commit.events[0], where) and not raised.is_set():
            raised.set()
            raise error
        return await append(commit)

    async def sick_load(loaded_id: str) -> LoadedJob | None:
        loaded = await load(loaded_id)
        starts = loaded is None or loaded.job.status is not Status.PROCESSING
        if isinstance(where, str) and not starts and not raised.is_set():
            raised.set()
            raise error
        return loaded

    async def watched(inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        if isinstance(where, str):
            await raised.wait()
        async for message in rendering(inference, job):
            yield message

    memory_worker.inference.script = watched
    monkeypatch.setattr(memory_worker.store, "append", sick_append)
    monkeypatch.setattr(memory_worker.store, "load", sick_load)
    async with asyncio.timeout(WAIT_SECONDS):
        await memory_worker.ticket_handler.handle(held)
    job = await memory_worker.job(job_id)
    assert (job.status, job.attempt, raised.is_set()) == (Status.COMPLETED, 1, True)
    assert held.deliveries == 1
    assert memory_worker.dependencies.status.attempts_failed == 0


async def test_trouble_of_the_notifications_fails_no_running_attempt(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription that fails while the job renders is made again with the next try of the same attempt."""
    next_position, raised = MemoryCommitSubscription.next_position, 0

    async def sick(subscription: MemoryCommitSubscription, timeout_seconds: float) -> int | None:
        nonlocal raised
        if not raised:
            raised += 1
            raise LogUnavailable("no answer")
        return await next_position(subscription, timeout_seconds)

    monkeypatch.setattr(MemoryCommitSubscription, "next_position", sick)
    job = await memory_worker.work(await memory_worker.submit())
    assert (job.status, job.attempt, raised) == (Status.COMPLETED, 1, 1)


async def test_an_error_of_the_worker_fails_the_attempt(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected error fails the attempt in the log, so that the job does not hang."""

    def broken(job: RenderJob) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(memory_worker.inference, "run", broken)
    job = await memory_worker.work(await memory_worker.submit())
    assert job.status is Status.QUEUED
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_ERROR"


async def test_prefetch(memory_worker: MemoryWorker) -> None:
    """A prefetch ticket loads the model and encodes the prompts of all scenes, which is recorded."""
    job_id = await memory_worker.submit()
    await memory_worker.send(job_id, Prefetch(id=new_id(), actor="ann"))
    await memory_worker.ticket_handler.handle(await memory_worker.ticket(job_id, prefetch=True))
    last = (await memory_worker.events(job_id))[-1]
    assert isinstance(last, e.PrefetchFinished)
    assert (last.worker, last.assets, last.size_bytes) == (ME, ("card", "2 prompt embeddings"), 1_000)
    assert len(memory_worker.inference.jobs[0].scenes) == 2


async def test_prefetch_too_late(memory_worker: MemoryWorker) -> None:
    """The prefetch ticket of a job that was started meanwhile is acknowledged without a prefetch."""
    job_id = await memory_worker.submit()
    await memory_worker.send(job_id, Prefetch(id=new_id(), actor="ann"))
    await memory_worker.start_elsewhere(job_id)
    await memory_worker.ticket_handler.handle(await memory_worker.ticket(job_id, prefetch=True))
    assert memory_worker.inference.jobs == []
    assert memory_worker.issuer.queued == {}


async def test_a_ticket_before_its_time_is_postponed(memory_worker: MemoryWorker) -> None:
    """A ticket that comes before its job may start again is released, and the job does not change."""
    job_id = await memory_worker.submit()
    await memory_worker.start_elsewhere(job_id)
    late = memory_worker.now.replace(year=2027)
    await memory_worker.send(
        job_id,
        FailAttempt(
            id=new_id(),
            actor="worker-other",
            attempt=1,
            error=JobError(code="X", message="x", retryable=True),
            retry_at=late,
        ),
    )
    assert (await memory_worker.work(job_id)).status is Status.QUEUED
    assert set(await memory_worker.issuer.outstanding()) == {job_id}


@pytest.mark.parametrize("other_gib", [80, 16])
async def test_a_job_for_a_larger_device_is_left_to_it(memory_worker: MemoryWorker, other_gib: int) -> None:
    """A worker whose GPU is too small leaves it to one that holds it. If there is none, its error has the figure."""
    status = memory_worker.dependencies.status
    status.device, status.memory_total_bytes = "cuda:0", 8 * GIB
    status.memory_needs = {"card": MemoryNeed(least_bytes=40 * GIB, bytes_per_pixel=0.0)}
    job_id = await memory_worker.submit()
    other = replace(status.report(START), name="worker-other", memory_total_bytes=other_gib * GIB)
    await memory_worker.workers.report(other)
    job = await memory_worker.work(job_id)
    assert job.status is (Status.QUEUED if other_gib == 80 else Status.COMPLETED)
