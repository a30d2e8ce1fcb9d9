"""A critical job, or a pause, takes the device from a job that is drawn, which goes on later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.inference.messages import (
    CancelledMessage,
    FailedMessage,
    LoadedMessage,
    Message,
    RenderJob,
    StageStartedMessage,
    StepMessage,
)
from kinolog_worker.queue.warm_workers import MOST_DELIVERIES

from kinolog.ids import new_id
from kinolog.job.commands import Cancel, Pause, Reprioritize, Resume
from kinolog.job.interruption import PAUSED, PREEMPTED
from kinolog.job.state import Job
from kinolog.job.values import Priority, Status
from kinolog.ports.tickets import COLDEST, LAST_RESORT, Ticket
from tests.builders.memory_worker import MemoryWorker, supervised
from tests.builders.scripted_inference import FACTS, ScriptedInference, finished
from tests.fixtures.waits import until_true

LOST = FailedMessage(job_id="", code="RENDER_FAILED", message="it broke", retryable=True)


class DrawnJobs:
    """Jobs that are drawn until the test lets them finish. A cancelled one ends with `on_cancel`."""

    def __init__(self, worker: MemoryWorker) -> None:
        self.worker = worker
        self.drawing: list[str] = []
        """The ids of the jobs that were drawn, in the order of their starts."""
        self.may_finish: set[str] = set()
        self.on_cancel: Message | None = None
        self.stage = "denoise"
        self.changed = asyncio.Event()
        self._device = asyncio.Lock()
        worker.inference.script = self._render

    async def _render(self, inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        async with self._device:
            self.drawing.append(job.job_id)
            inference.cancelled.clear()  # it was meant for the job before
            yield LoadedMessage(job_id=job.job_id, facts=FACTS, cached=True)
            yield StageStartedMessage(job_id=job.job_id, stage=self.stage, scene=0)
            while job.job_id not in self.may_finish:
                self.changed.clear()
                yield StepMessage(job_id=job.job_id, stage=self.stage, scene=0, step=1, steps=job.steps)
                ends = [asyncio.create_task(event.wait()) for event in (self.changed, inference.cancelled)]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for end in ends:
                    end.cancel()
                if inference.cancelled.is_set():
                    yield replace(self.on_cancel or CancelledMessage(job_id=""), job_id=job.job_id)
                    return
            yield finished(job)

    def finish(self, job_id: str) -> None:
        """Let a job finish once it is drawn."""
        self.may_finish.add(job_id)
        self.changed.set()

    async def draw(self, *job_ids: str) -> None:
        """Wait until these jobs were drawn, each from its last start on."""
        await until_true(lambda: self.drawing == list(job_ids), f"{job_ids} are drawn")


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker that gives running jobs no time when it is stopped."""
    memory_worker = MemoryWorker(tmp_path)
    memory_worker.set_timing(shutdown_grace_seconds=0.0)
    return memory_worker


@pytest.fixture
def drawn(memory_worker: MemoryWorker) -> DrawnJobs:
    """The jobs of that worker."""
    return DrawnJobs(memory_worker)


async def queued(worker: MemoryWorker, priority: Priority) -> str:
    """Submit a job."""
    job_id = await worker.submit()
    if priority is not Priority.MEDIUM:
        await worker.send(job_id, Reprioritize(id=new_id(), actor="ann", priority=priority))
    return job_id


async def issue(worker: MemoryWorker, job_id: str) -> Ticket:
    """Issue the ticket of a job as the dispatcher does."""
    job = await worker.job(job_id)
    ticket = Ticket(
        job_id=job_id,
        position=await worker.position(job_id),
        attempt=job.attempt + 1,
        model_class="tiny",
        priority=job.priority,
    )
    await worker.issuer.issue(ticket)
    return ticket


def preempted(job: Job) -> bool:
    """Return whether a job waits after an attempt that was preempted, which does not count."""
    error = job.attempts[-1].error if job.attempts else None
    return job.status is Status.QUEUED and error is not None and error.code == PREEMPTED and not error.counts


@pytest.mark.parametrize("priority", [Priority.LOW, Priority.MEDIUM])
async def test_a_critical_job_takes_the_device(
    memory_worker: MemoryWorker, drawn: DrawnJobs, priority: Priority
) -> None:
    """The other one waits with an attempt that does not count, and goes on afterwards."""
    async with supervised(memory_worker):
        other = await queued(memory_worker, priority)
        await issue(memory_worker, other)
        await drawn.draw(other)
        critical = await queued(memory_worker, Priority.CRITICAL)
        await issue(memory_worker, critical)
        await drawn.draw(other, critical)
        job = await memory_worker.until(other, preempted)
        assert (job.preemptions, job.last_attempt) == (1, job.max_attempts + 1)
        assert job.not_before is not None
        assert job.not_before <= job.updated_at
        await issue(memory_worker, other)
        drawn.finish(critical)
        await memory_worker.until(critical, lambda job: job.status is Status.COMPLETED)
        drawn.finish(other)
        await memory_worker.until(other, lambda job: job.status is Status.COMPLETED)
    assert drawn.drawing == [other, critical, other]
    assert memory_worker.dependencies.status.attempts_failed == 0


@pytest.mark.parametrize(
    ("priority", "stage", "most"),
    [(Priority.HIGH, "denoise", 3), (Priority.LOW, "decode", 3), (Priority.LOW, "denoise", 0)],
)
async def test_others_keep_it(
    memory_worker: MemoryWorker, drawn: DrawnJobs, priority: Priority, stage: str, most: int
) -> None:
    """A high job, one whose frames are decoded, and all where preemption is off: the critical job waits for its end."""
    memory_worker.dependencies = replace(memory_worker.dependencies, most_preemptions=most)
    drawn.stage = stage
    async with supervised(memory_worker) as supervisor:
        other = await queued(memory_worker, priority)
        await issue(memory_worker, other)
        await until_true(lambda: memory_worker.dependencies.status.current.stage == stage, "it is drawn")
        assert not supervisor._handler.preemption.is_possible
        critical = await queued(memory_worker, Priority.CRITICAL)
        await issue(memory_worker, critical)
        for job_id in (critical, other):
            drawn.finish(job_id)
        await memory_worker.until(critical, lambda job: job.status is Status.COMPLETED)
        assert (await memory_worker.job(other)).status is Status.COMPLETED
    assert drawn.drawing == [other, critical]


async def test_a_job_whose_turn_it_was_keeps_it(memory_worker: MemoryWorker, drawn: DrawnJobs) -> None:
    """It started although a critical job waited. The ticket goes back once, and no further ones are taken."""
    async with supervised(memory_worker):
        critical = await queued(memory_worker, Priority.CRITICAL)
        other = await queued(memory_worker, Priority.LOW)
        await issue(memory_worker, other)
        await drawn.draw(other)
        await issue(memory_worker, critical)
        ticket = memory_worker.issuer.queued[critical, False]
        await until_true(lambda: ticket.deliveries == 1, "it was delivered")
        for job_id in (critical, other):
            drawn.finish(job_id)
        await memory_worker.until(critical, lambda job: job.status is Status.COMPLETED)
    assert drawn.drawing == [other, critical]


async def test_a_ticket_that_came_often_is_not_sent_back(
    memory_worker: MemoryWorker, drawn: DrawnJobs
) -> None:
    """Each release counts as a delivery, and too many make a ticket one that nobody gets."""
    async with supervised(memory_worker):
        critical = await queued(memory_worker, Priority.CRITICAL)
        other = await queued(memory_worker, Priority.LOW)
        await issue(memory_worker, other)
        await drawn.draw(other)
        await issue(memory_worker, critical)
        memory_worker.issuer.queued[critical, False].deliveries = MOST_DELIVERIES
        await drawn.draw(other, critical)
        await memory_worker.until(other, preempted)


@pytest.mark.parametrize("on_cancel", [None, LOST])
async def test_what_ends_a_preempted_attempt_otherwise_counts_first(
    memory_worker: MemoryWorker, drawn: DrawnJobs, on_cancel: FailedMessage | None
) -> None:
    """A user cancels the job that is being stopped, or its rendering fails at that moment."""
    drawn.on_cancel = on_cancel
    async with supervised(memory_worker):
        other = await queued(memory_worker, Priority.LOW)
        await issue(memory_worker, other)
        await drawn.draw(other)
        if on_cancel is None:
            await memory_worker.send(other, Cancel(id=new_id(), actor="ann"))
        critical = await queued(memory_worker, Priority.CRITICAL)
        await issue(memory_worker, critical)
        await drawn.draw(other, critical)
        job = await memory_worker.until(other, lambda job: job.status is not Status.PROCESSING)
        drawn.finish(critical)
        await memory_worker.until(critical, lambda job: job.status is Status.COMPLETED)
    error = job.attempts[0].error
    assert (job.status, error and error.code) == (
        (Status.CANCELLED, None) if on_cancel is None else (Status.QUEUED, "RENDER_FAILED")
    )


async def test_a_paused_job_leaves_its_device(memory_worker: MemoryWorker, drawn: DrawnJobs) -> None:
    """Its attempt does not count, and a ticket that is left is dropped. It goes on once it is resumed."""
    async with supervised(memory_worker):
        paused = await queued(memory_worker, Priority.LOW)
        await issue(memory_worker, paused)
        await drawn.draw(paused)
        await memory_worker.send(paused, Pause(id=new_id(), actor="ann"))
        job = await memory_worker.until(paused, lambda job: job.status is Status.QUEUED)
        assert job.attempts[0].error is not None
        assert (job.attempts[0].error.code, job.was_interrupted) == (PAUSED, True)
        await issue(memory_worker, paused)
        other = await queued(memory_worker, Priority.LOW)
        await issue(memory_worker, other)
        await drawn.draw(paused, other)
        assert set(await memory_worker.issuer.outstanding()) == {other}
        await memory_worker.send(paused, Resume(id=new_id(), actor="ann"))
        await issue(memory_worker, paused)
        for job_id in (other, paused):
            drawn.finish(job_id)
            await memory_worker.until(job_id, lambda job: job.status is Status.COMPLETED)


async def test_a_job_that_ends_meanwhile_is_completed(
    memory_worker: MemoryWorker, drawn: DrawnJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with supervised(memory_worker) as supervisor:
        other = await queued(memory_worker, Priority.LOW)
        await issue(memory_worker, other)
        await drawn.draw(other)
        preemption = supervisor._handler.preemption
        assert preemption.coldness("tiny") == COLDEST + 1
        (attempt,) = supervisor._handler._attempts
        monkeypatch.setattr(memory_worker.inference, "cancel", drawn.finish)
        attempt.interruption.preempt()
        assert not preemption.is_possible
        assert preemption.coldness("tiny") == LAST_RESORT
        await memory_worker.until(other, lambda job: job.status is Status.COMPLETED)
