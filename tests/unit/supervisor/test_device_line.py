"""The next job starts before the last one has ended: places, tickets that are held for later, and two attempts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
from kinolog_worker.attempt import device_line
from kinolog_worker.attempt.device_line import DeviceLine
from kinolog_worker.inference.exchange import KILLED, Exchange
from kinolog_worker.inference.messages import (
    CancelledMessage,
    FailedMessage,
    LoadedMessage,
    Message,
    RenderJob,
    StageStartedMessage,
    StepMessage,
)
from kinolog_worker.queue import ticket_handler

from kinolog.ids import new_id
from kinolog.job.commands import Cancel
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.workers import WorkerReport
from kinolog.scheduling.next_job import START_SECONDS
from tests.builders.memory_worker import ME, START, MemoryWorker, issued, supervised
from tests.builders.scripted_inference import FACTS, ScriptedInference, finished
from tests.fixtures.waits import WAIT_SECONDS, until_true


@pytest.fixture
def memory_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryWorker:
    """A worker that looks for idle workers often, and gives running jobs no time when it is stopped."""
    monkeypatch.setattr(ticket_handler, "IDLE_LOOK_SECONDS", 0.01)
    memory_worker = MemoryWorker(tmp_path)
    memory_worker.set_timing(shutdown_grace_seconds=0.0)
    return memory_worker


class SteppedRenders:
    """Renders that wait in each step until the test lets them go on. `at` is where each job is, by its number."""

    def __init__(self, memory_worker: MemoryWorker) -> None:
        self.at: list[str] = []
        self.gates: list[dict[str, asyncio.Event]] = []
        self._free = asyncio.Lock()
        memory_worker.inference.script = self.render

    async def render(self, inference: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        """Draw a job, and finish it once another one may be drawn."""
        number = len(self.at)
        self.at.append("waits")
        self.gates.append({name: asyncio.Event() for name in ("draw", "finish")})
        async with self._free:
            self.at[number] = "draws"
            yield LoadedMessage(job_id=job.job_id, facts=FACTS, cached=True)
            yield StageStartedMessage(job_id=job.job_id, stage="denoise", scene=0)
            yield StepMessage(job_id=job.job_id, stage="denoise", scene=0, step=1, steps=job.steps)
            if not await self._goes_on(inference, number, "draw"):
                yield CancelledMessage(job_id=job.job_id)
                return
            self.at[number] = "finishes"
            yield StageStartedMessage(job_id=job.job_id, stage="assemble")
        if not await self._goes_on(inference, number, "finish"):
            yield CancelledMessage(job_id=job.job_id)
            return
        yield finished(job)

    async def _goes_on(self, inference: ScriptedInference, number: int, name: str) -> bool:
        ends = [
            asyncio.create_task(self.gates[number][name].wait()),
            asyncio.create_task(inference.cancelled.wait()),
        ]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        return self.gates[number][name].is_set()

    async def are(self, *at: str) -> None:
        """Wait until the renders are there."""
        await until_true(lambda: self.at == list(at), f"the renders are at {at}")


def completed(job: Job) -> bool:
    return job.status is Status.COMPLETED


async def test_a_job_is_drawn_while_the_one_before_is_finished(memory_worker: MemoryWorker) -> None:
    """At most two: the third starts when the first has ended. Both are reported, and each completes once."""
    renders = SteppedRenders(memory_worker)
    async with supervised(memory_worker):
        first, second, third = [await issued(memory_worker) for _ in range(3)]
        await renders.are("draws")
        assert memory_worker.dependencies.status.report(START).job_ids == {first}
        renders.gates[0]["draw"].set()
        await renders.are("finishes", "draws")
        report = memory_worker.dependencies.status.report(START)
        assert (report.job_id, report.other_job_id, report.waits) == (second, first, False)
        renders.gates[1]["draw"].set()
        await renders.are("finishes", "finishes")
        assert set(await memory_worker.issuer.outstanding()) == {first, second, third}
        assert (await memory_worker.job(third)).status is Status.QUEUED
        for number, job_id in ((1, second), (0, first)):  # the later one may end first
            renders.gates[number]["finish"].set()
            await memory_worker.until(job_id, completed)
        await renders.are("finishes", "finishes", "draws")
        renders.gates[2]["draw"].set()
        renders.gates[2]["finish"].set()
        await memory_worker.until(third, completed)
    assert {(await memory_worker.job(job_id)).attempt for job_id in (first, second, third)} == {1}


async def test_a_lone_job_that_is_finished_leaves_the_worker_waiting(memory_worker: MemoryWorker) -> None:
    """Its report names the job, and other workers know that this one waits for another."""
    renders = SteppedRenders(memory_worker)
    async with supervised(memory_worker):
        job_id = await issued(memory_worker)
        await renders.are("draws")
        assert not memory_worker.dependencies.status.report(START).waits
        renders.gates[0]["draw"].set()
        await renders.are("finishes")
        status = memory_worker.dependencies.status
        await until_true(lambda: status.report(START).waits, "it waits for another job")
        assert (status.report(START).job_id, status.report(START).other_job_id) == (job_id, "")
        renders.gates[0]["finish"].set()
        await memory_worker.until(job_id, completed)


async def test_the_next_attempt_starts_a_little_before_the_device_is_free(
    memory_worker: MemoryWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ticket is taken earlier. Its job waits in the inference process until the device is free."""
    monkeypatch.setattr(device_line, "TAKE_SECONDS", 2000.0)
    renders = SteppedRenders(memory_worker)
    async with supervised(memory_worker) as supervisor:
        first = await issued(memory_worker)
        await renders.are("draws")
        second = await issued(memory_worker)
        (place,) = supervisor._handler.line._places
        place.expect_end(1000.0)
        await until_true(lambda: len(supervisor._handler.line._places) == 2, "its ticket is held")
        assert (await memory_worker.job(second)).status is Status.QUEUED
        place.expect_end(START_SECONDS)
        await renders.are("draws", "waits")
        assert (await memory_worker.job(second)).status is Status.PROCESSING
        renders.gates[0]["draw"].set()
        await renders.are("finishes", "draws")
        for gates in renders.gates:
            gates["draw"].set()
            gates["finish"].set()
        for job_id in (first, second):
            await memory_worker.until(job_id, completed)


async def holding(
    memory_worker: MemoryWorker, handler: ticket_handler.TicketHandler
) -> tuple[str, asyncio.Task[None]]:
    """Let a handler hold the ticket of a job while another one uses the device. Return job and task."""
    handler.line.join()
    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    handling = asyncio.create_task(handler.handle(held))
    await until_true(lambda: handler.line.seconds_before(handler.line._places[-1]) == inf, "it is held")
    return job_id, handling


async def test_a_held_ticket_returns_when_the_worker_stops(memory_worker: MemoryWorker) -> None:
    """Nothing of the job is in the log: another worker takes it as if it had not been held."""
    handler = memory_worker.ticket_handler
    job_id, handling = await holding(memory_worker, handler)
    handler.start_no_more()
    async with asyncio.timeout(WAIT_SECONDS):
        await handling
    again = await memory_worker.dependencies.queue.take(["tiny"])
    assert (again.ticket.job_id, again.deliveries) == (job_id, 2)
    assert (await memory_worker.job(job_id)).attempt == 0


@pytest.mark.parametrize("stage_is_free", [True, False])
async def test_a_held_ticket_returns_for_an_idle_worker(
    memory_worker: MemoryWorker, stage_is_free: bool
) -> None:
    """A worker that waits gets the job at once; one that draws another job does not."""
    handler = memory_worker.ticket_handler
    job_id, handling = await holding(memory_worker, handler)
    await memory_worker.workers.report(
        WorkerReport(
            name="worker-other",
            device="cpu",
            hardware="",
            models=("card",),
            loaded_models=(),
            started_at=START,
            seen_at=START,
            job_id="" if stage_is_free else "busy",
        )
    )
    if not stage_is_free:
        handler.line._places[0].leave()
    async with asyncio.timeout(WAIT_SECONDS):
        await handling
    assert (await memory_worker.job(job_id)).attempt == (0 if stage_is_free else 1)


async def test_a_job_that_is_cancelled_while_its_ticket_is_held_does_not_start(
    memory_worker: MemoryWorker,
) -> None:
    """The log decides when the device is free, not what was read before."""
    handler = memory_worker.ticket_handler
    job_id, handling = await holding(memory_worker, handler)
    await memory_worker.handler.handle(job_id, Cancel(id=new_id(), actor="ann"))
    handler.line._places[0].leave()
    async with asyncio.timeout(WAIT_SECONDS):
        await handling
    job = await memory_worker.job(job_id)
    assert (job.status, job.attempt, await memory_worker.issuer.outstanding()) == (Status.CANCELLED, 0, {})


async def test_an_attempt_that_runs_again_is_not_given_back(memory_worker: MemoryWorker) -> None:
    """It started before an outage of the log. A worker that stops ends it there itself."""
    handler = memory_worker.ticket_handler
    handler.line.join()
    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    await memory_worker.start(job_id, ME, worker_key=memory_worker.dependencies.keys.public_key)
    handler.start_no_more()
    handler.stop()
    async with asyncio.timeout(WAIT_SECONDS):
        await handler.handle(held)
    job = await memory_worker.job(job_id)
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "WORKER_STOPPED"


@pytest.mark.parametrize("deliveries", [1, 2])
async def test_a_second_copy_of_a_running_job_s_ticket_starts_nothing(
    memory_worker: MemoryWorker, deliveries: int
) -> None:
    """It may be delivered to the same worker, which has room for another one. A redelivered one stays queued."""
    renders = SteppedRenders(memory_worker)
    handler = memory_worker.ticket_handler
    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    running = asyncio.create_task(handler.handle(held))
    await renders.are("draws")
    if deliveries == 2:
        await held.release()
        copy = await memory_worker.dependencies.queue.take(["tiny"])
    else:
        copy = await memory_worker.ticket(job_id)
    async with asyncio.timeout(WAIT_SECONDS):
        await handler.handle(copy)
    assert (copy.deliveries, set(await memory_worker.issuer.outstanding())) == (
        deliveries,
        {job_id} if deliveries == 2 else set(),
    )
    renders.gates[0]["draw"].set()
    renders.gates[0]["finish"].set()
    async with asyncio.timeout(WAIT_SECONDS):
        await running
    job = await memory_worker.job(job_id)
    assert (job.status, job.attempt, len(memory_worker.inference.jobs)) == (Status.COMPLETED, 1, 1)


async def test_places_in_the_line() -> None:
    """Times that are over count as near; who has left the device is before nobody."""
    line = DeviceLine()
    first = line.join()
    assert (line.is_used, first.is_first, first.seconds_left()) == (True, True, inf)
    second = line.join()
    first.expect_end(-1.0)
    await second.near()
    assert not second.is_first
    first.expect_end(None)
    assert line.seconds_before(second) == inf
    first.leave_device()
    first.expect_end(3.0)
    await second.first()
    second.leave()
    second.leave()
    await line.has_room()
    await line.is_free()


def exchange(job_id: str, *messages: Message) -> Exchange:
    """Return an exchange that has had these answers."""
    made = Exchange(job_id)
    for message in messages:
        made.note(message)
    return made


LOADED = LoadedMessage(job_id="", facts=FACTS, cached=True)
DRAWN = StageStartedMessage(job_id="", stage="assemble")


@pytest.mark.parametrize(
    ("code", "blamed", "codes"),
    [
        ("WORKER_CRASHED", "", ("NEIGHBOUR_ENDED", "WORKER_CRASHED", "WORKER_NOT_READY")),
        ("OUT_OF_MEMORY", "", ("NEIGHBOUR_ENDED", "OUT_OF_MEMORY", "WORKER_NOT_READY")),
        ("RENDERER_FROZEN", "", ("NEIGHBOUR_ENDED", "RENDERER_FROZEN", "WORKER_NOT_READY")),
        ("RENDERER_STOPPED", "", ("RENDERER_STOPPED", "RENDERER_STOPPED", "WORKER_NOT_READY")),
        ("DEVICE_MISSING", "", ("DEVICE_MISSING", "DEVICE_MISSING", "WORKER_NOT_READY")),
        (KILLED, "finished", (KILLED, "NEIGHBOUR_ENDED", "NEIGHBOUR_ENDED")),
        (KILLED, "drawn", ("NEIGHBOUR_ENDED", KILLED, "NEIGHBOUR_ENDED")),
    ],
)
def test_who_is_blamed_when_the_process_ends(code: str, blamed: str, codes: tuple[str, ...]) -> None:
    """The job that was drawn, or the one for which the process was ended. Attempts at the others do not count."""
    running = [exchange("finished", LOADED, DRAWN), exchange("drawn", LOADED), exchange("waits")]
    failures = [each.failure(code, "it ended", running, blamed=blamed) for each in running]
    assert tuple(failure.code for failure in failures) == codes
    assert all(isinstance(failure, FailedMessage) and failure.retryable for failure in failures)


def test_a_job_that_is_finished_alone_is_blamed() -> None:
    """Nothing else ran."""
    running = [exchange("finished", LOADED, DRAWN), exchange("waits")]
    assert running[0].failure("WORKER_CRASHED", "it ended", running).code == "WORKER_CRASHED"


def test_reports_of_workers_that_do_not_wait() -> None:
    """A worker with a trouble or a second job takes none."""
    idle = WorkerReport(
        name="w", device="cpu", hardware="", models=(), loaded_models=(), started_at=START, seen_at=START
    )
    assert idle.waits
    assert not replace(idle, problem="its disk is full").waits
    assert not replace(idle, job_id="a", other_job_id="b").waits
    assert not idle.job_ids
    assert replace(idle, job_id="a", other_job_id="b").job_ids == {"a", "b"}
