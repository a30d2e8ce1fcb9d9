"""Jobs in a memory log for the reactor's tests, and a clock that is set by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from kinolog.command_handler import CommandHandler
from kinolog.ids import new_id
from kinolog.job.commands import Command, FailAttempt, StartAttempt
from kinolog.job.commit import Recorded
from kinolog.job.values import JobError, Priority, Runtime
from kinolog.ports.workers import WorkerReport
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.tickets import MemoryTicketIssuer
from tests.adapters.memory.workers import MemoryWorkerRegistry
from tests.fixtures.log import a_submit

START = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
CRASHED = JobError(code="WORKER_CRASHED", message="the process ended", retryable=True)


@dataclass
class House:
    """A log with its handler, a queue and a registry, all in memory."""

    now: datetime = START
    store: MemoryEventStore = field(default_factory=MemoryEventStore)
    office: MemoryTicketIssuer = field(default_factory=MemoryTicketIssuer)
    workers: MemoryWorkerRegistry = field(default_factory=MemoryWorkerRegistry)

    def __post_init__(self) -> None:
        self.handler = CommandHandler(self.store, self.clock)

    def clock(self) -> datetime:
        """The time as the test set it."""
        return self.now

    def later(self, seconds: float) -> None:
        """Let time go by."""
        self.now += timedelta(seconds=seconds)

    async def submitted(self, priority: Priority = Priority.MEDIUM) -> str:
        """A job that was just submitted."""
        job_id = new_id()
        await self.handler.handle(job_id, a_submit(new_id(), priority))
        return job_id

    async def give(self, job_id: str, *commands: Command) -> None:
        """Give commands to a job."""
        for command in commands:
            await self.handler.handle(job_id, command)

    async def started(self, job_id: str, worker: str = "worker-1") -> None:
        """A worker takes the job."""
        await self.give(job_id, StartAttempt(id=new_id(), actor=worker, runtime=Runtime()))

    async def crashed(self, job_id: str, retry_seconds: float = 5.0, worker: str = "worker-1") -> None:
        """The worker fails the job's attempt."""
        loaded = await self.store.load(job_id)
        assert loaded is not None
        retry_at = self.now + timedelta(seconds=retry_seconds)
        await self.give(
            job_id,
            FailAttempt(
                id=new_id(), actor=worker, attempt=loaded.job.attempt, error=CRASHED, retry_at=retry_at
            ),
        )

    async def reports(self, worker: str, job_id: str) -> None:
        """A worker says that it is there, working on a job."""
        await self.workers.report(
            WorkerReport(
                name=worker,
                device="cpu",
                hardware="",
                models=("kinolog-tiny",),
                loaded_models=(),
                started_at=self.now,
                seen_at=self.now,
                job_id=job_id,
            )
        )

    async def commits(self, job_id: str) -> list[Recorded]:
        """The job's history."""
        return [recorded async for recorded in self.store.history(job_id)]

    async def position(self, job_id: str) -> int:
        """Where the job's tail lies."""
        loaded = await self.store.load(job_id)
        assert loaded is not None
        return loaded.position
