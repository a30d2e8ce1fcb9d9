"""Jobs in a memory log with a ticket queue and a registry of workers, and a clock that is set by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kinolog.ids import new_id
from kinolog.job.commands import FailAttempt
from kinolog.job.values import JobError, Priority
from kinolog.ports.workers import WorkerReport
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.keys import MemoryKeyStore
from tests.adapters.memory.tickets import MemoryTicketIssuer
from tests.adapters.memory.workers import MemoryWorkerRegistry
from tests.builders.jobs import JobDriver, submit

START = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
CRASHED = JobError(code="WORKER_CRASHED", message="the process ended", retryable=True)


class MemoryDispatch(JobDriver):
    """What the dispatcher reads and writes, all in memory."""

    store: MemoryEventStore

    def __init__(self) -> None:
        super().__init__(MemoryEventStore(), MemoryKeyStore(), self.clock)
        self.now = START
        self.issuer = MemoryTicketIssuer()
        self.workers = MemoryWorkerRegistry()

    def clock(self) -> datetime:
        """The time as the test set it."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self.now += timedelta(seconds=seconds)

    async def submit(self, priority: Priority = Priority.MEDIUM) -> str:
        """Submit a job. Return its id."""
        job_id = new_id()
        await self.send(job_id, submit(new_id(), priority=priority))
        return job_id

    async def crash(self, job_id: str, retry_seconds: float = 5.0, worker: str = "worker-1") -> None:
        """Let the worker of a job fail its attempt."""
        attempt = (await self.job(job_id)).attempt
        retry_at = self.now + timedelta(seconds=retry_seconds)
        await self.send(
            job_id,
            FailAttempt(id=new_id(), actor=worker, attempt=attempt, error=CRASHED, retry_at=retry_at),
        )

    async def report(self, worker: str, job_id: str) -> None:
        """Let a worker report that it runs a job."""
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
