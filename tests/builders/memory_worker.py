"""A worker over memory: log, queue and stores in memory, and an inference process that follows a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kinolog_worker.dependencies import Timing, WorkerDependencies
from kinolog_worker.downloads.model_files import ModelFiles
from kinolog_worker.downloads.video_servers import VideoServers
from kinolog_worker.queue.ticket_handler import TicketHandler
from kinolog_worker.reporting.worker_status import WorkerStatus
from kinolog_worker.supervisor import Supervisor

from kinolog.ids import new_id
from kinolog.job.state import Job
from kinolog.models.catalogue import Catalogue, ModelEntry
from kinolog.ports.tickets import HeldTicket, Ticket
from kinolog.privacy.job_keys import StoredJobKeys
from kinolog.process.tasks import finish
from tests.adapters.memory.alarms import MemoryAlarms
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.adapters.memory.commit_notifications import MemoryCommitNotifier
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.job_keys import MemoryJobKeys
from tests.adapters.memory.keys import MemoryKeyStore
from tests.adapters.memory.progress import MemoryProgressFeed
from tests.adapters.memory.tickets import MemoryTicketIssuer
from tests.adapters.memory.workers import MemoryWorkerRegistry
from tests.builders.jobs import JobDriver
from tests.builders.scripted_downloads import ScriptedDownloads
from tests.builders.scripted_inference import ScriptedInference
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import WAIT_SECONDS

START = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
ME = "worker-me"
STOP_SECONDS = 30.0
"""A worker that takes longer to stop fails its test."""
CATALOGUE = Catalogue(
    [
        ModelEntry(name="card", source="embedded:card", model_class="tiny"),
        ModelEntry(name="big", source="owner/big", model_class="tiny"),
    ],
    default="card",
)


class MemoryWorker(JobDriver):
    """Everything that a ticket handler needs. The clock moves a millisecond each time it is read."""

    store: MemoryEventStore
    keys: MemoryKeyStore

    def __init__(self, folder: Path, *, served: frozenset[str] = frozenset({"card"})) -> None:
        super().__init__(MemoryEventStore(), MemoryKeyStore(), self.clock)
        self.now = START
        self.folder = folder
        self.issuer = MemoryTicketIssuer()
        self.progress = MemoryProgressFeed()
        self.workers = MemoryWorkerRegistry()
        self.alarms = MemoryAlarms(ME)
        self.inference = ScriptedInference()
        self.downloads = ScriptedDownloads()
        artifacts = MemoryArtifacts()
        self.dependencies = WorkerDependencies(
            worker=ME,
            served=served,
            catalogue=CATALOGUE,
            clock=self.clock,
            store=self.store,
            handler=self.handler,
            keys=MemoryJobKeys(StoredJobKeys(self.store, self.keys)),
            queue=self.issuer.queue(),
            progress=self.progress,
            workers=self.workers,
            notifier=MemoryCommitNotifier(self.store),
            artifacts=artifacts,
            live_videos=artifacts.live_videos,
            alarms=self.alarms,
            inference=self.inference,
            models=ModelFiles(self.downloads, self.alarms, self.clock),
            servers=VideoServers(self.alarms, self.clock),
            scratch=folder,
            status=WorkerStatus(ME, "cpu", ("card",), START),
            timing=Timing(tail_check_seconds=0.05, cancel_timeout_seconds=0.05, holder_look_seconds=0.05),
        )
        self.ticket_handler = TicketHandler(self.dependencies)

    def set_timing(self, **seconds: float) -> None:
        """Use other times."""
        self.dependencies = replace(self.dependencies, timing=replace(self.dependencies.timing, **seconds))
        self.ticket_handler = TicketHandler(self.dependencies)

    def set_artifacts(self, artifacts: MemoryArtifacts) -> None:
        """Use another store of artifacts."""
        self.dependencies = replace(self.dependencies, artifacts=artifacts, live_videos=artifacts.live_videos)
        self.ticket_handler = TicketHandler(self.dependencies)

    def clock(self) -> datetime:
        """The time, a millisecond later at each read."""
        self.now += timedelta(milliseconds=1)
        return self.now

    async def submit(self, prompt: str = "A star. Then a ring.", model: str = "card") -> str:
        """Submit a job as the api does. Return its id."""
        return await self.submit_sealed(new_id(), prompt, {"model": model, "guidance": 1.0})

    async def start_elsewhere(self, job_id: str, worker: str = "worker-other") -> None:
        """Let another worker start an attempt."""
        await self.start(job_id, worker, worker_key=worker.encode())

    async def ticket(self, job_id: str, *, prefetch: bool = False) -> HeldTicket:
        """The job's ticket, in this worker's hands."""
        job = await self.job(job_id)
        ticket = Ticket(
            job_id=job_id,
            position=await self.position(job_id),
            attempt=job.attempt + 1,
            model_class="tiny",
            priority=job.priority,
            not_before=None,
            prefetch=prefetch,
        )
        await self.issuer.issue(ticket)
        return await self.dependencies.queue.take(["tiny"])

    async def work(self, job_id: str) -> Job:
        """Take the job's ticket, deal with it, and see what has become of the job."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self.ticket_handler.handle(await self.ticket(job_id))
        return await self.job(job_id)


async def issued(memory_worker: MemoryWorker) -> str:
    """Submit a job and issue its ticket as the dispatcher does. Return its id."""
    job_id = await memory_worker.submit()
    priority = (await memory_worker.job(job_id)).priority
    ticket = Ticket(job_id=job_id, position=1, attempt=1, model_class="tiny", priority=priority)
    await memory_worker.issuer.issue(ticket)
    return job_id


@asynccontextmanager
async def supervised(memory_worker: MemoryWorker) -> AsyncIterator[Supervisor]:
    """Run the worker's main loop during the block.

    It is stopped however the block ends. An error of it ends the block and is raised.
    """
    supervisor = Supervisor(memory_worker.dependencies)
    async with background_task(supervisor.run()) as running:
        try:
            yield supervisor
        finally:
            supervisor.stop()
            await finish(running, STOP_SECONDS)
        assert not running.cancelled(), "the worker does not stop"
