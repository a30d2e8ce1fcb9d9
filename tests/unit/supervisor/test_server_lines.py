"""Jobs whose videos servers make: beside each other, and beside the job that uses the device."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.inference.exchange import Exchange
from kinolog_worker.inference.messages import Message, RenderJob, StageStartedMessage
from kinolog_worker.queue.ticket_handler import TicketHandler

from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.models.catalogue import Catalogue, ModelEntry
from kinolog.models.choices.render_defaults import RenderDefaults
from kinolog.ports.tickets import Ticket
from tests.builders.memory_worker import START, MemoryWorker, supervised
from tests.builders.scripted_inference import ScriptedInference, finished
from tests.fixtures.waits import until, until_true

DRAWN = ModelEntry(name="card", source="embedded:card", model_class="tiny")
REMOTE = ModelEntry(
    name="remote",
    source="http://127.0.0.1:1/v1",
    renderer="openai-videos",
    model_class="remote",
    concurrency=2,
    defaults=RenderDefaults(frames=80),
)


class HeldRenders:
    """Renders that go on when the test releases their job."""

    def __init__(self, memory_worker: MemoryWorker) -> None:
        self.running: list[str] = []
        self.released: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        memory_worker.inference.script = self.render

    async def render(self, _: ScriptedInference, job: RenderJob) -> AsyncGenerator[Message, None]:
        """Render a job once it is released."""
        self.running.append(job.job_id)
        yield StageStartedMessage(job_id=job.job_id, stage="denoise", scene=0)
        await self.released[job.job_id].wait()
        yield finished(job)


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker with a model of its device, and one that a server runs for it, two jobs at once."""
    worker = MemoryWorker(tmp_path, served=frozenset({"card", "remote"}))
    catalogue = Catalogue([REMOTE, DRAWN], default="remote")
    worker.dependencies = replace(worker.dependencies, catalogue=catalogue)
    worker.set_timing(shutdown_grace_seconds=0.0)
    worker.ticket_handler = TicketHandler(worker.dependencies)
    return worker


async def _issued(worker: MemoryWorker, entry: ModelEntry) -> str:
    job_id = await worker.submit("A star.", model=entry.name)
    priority = (await worker.job(job_id)).priority
    ticket = Ticket(job_id=job_id, position=1, attempt=1, model_class=entry.model_class, priority=priority)
    await worker.issuer.issue(ticket)
    return job_id


def _completed(job: Job) -> bool:
    return job.status is Status.COMPLETED


async def test_jobs_at_a_server_take_no_place_of_the_device(memory_worker: MemoryWorker) -> None:
    """As many run at once as the entry states, and one is drawn meanwhile. All are reported, so none is taken over."""
    renders = HeldRenders(memory_worker)
    status = memory_worker.dependencies.status
    memory_worker.inference.alive = False
    async with supervised(memory_worker):
        await until_true(lambda: "card" in status.loaded_models, "the model of its device is loaded")
        first, second, third = [await _issued(memory_worker, REMOTE) for _ in range(3)]
        await until_true(lambda: set(renders.running) == {first, second}, "two are at the server")
        report = status.report(START)
        assert report.waits
        assert (report.job_id, report.other_job_id) == (first, "")
        assert set(report.server_job_ids) == report.job_ids == {first, second}
        drawn = await _issued(memory_worker, DRAWN)
        await until_true(lambda: drawn in renders.running, "one is drawn")
        report = status.report(START)
        assert not report.waits
        assert (report.job_id, report.other_job_id, set(report.server_job_ids)) == (
            drawn,
            "",
            {first, second},
        )
        assert (await memory_worker.job(third)).status is Status.QUEUED
        renders.released[second].set()
        await memory_worker.until(second, _completed)
        await until_true(lambda: third in renders.running, "the next one is at the server")
        for job_id in (first, third, drawn):
            renders.released[job_id].set()
            await memory_worker.until(job_id, _completed)
        # A job is completed in the log before its worker has acknowledged its ticket and forgotten it.
        await until_true(lambda: not status.report(START).job_ids, "no job runs")
        await until(memory_worker.issuer.outstanding, "no ticket is left", met=lambda found: not found)


def test_who_is_blamed_beside_a_drawn_job() -> None:
    """A job at a server draws nothing in the process: it is blamed only if no job was drawn."""
    drawn, beside = Exchange("drawn", begun=True), Exchange("beside", begun=True, is_beside=True)
    codes = [
        each.failure("WORKER_CRASHED", "it ended", running).code
        for running in ([drawn, beside], [beside])
        for each in running
    ]
    assert codes == ["WORKER_CRASHED", "NEIGHBOUR_ENDED", "WORKER_CRASHED"]
