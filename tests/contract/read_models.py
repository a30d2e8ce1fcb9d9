"""Read models to test, each with the log that it was made from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from kinolog_projector.projection.live_progress import write_live_progress

from kinolog.job.commit import RecordedCommit
from kinolog.job.state import Job
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.ports.read_model import ReadModel
from kinolog.readmodel.postgres import PostgresReadModel
from tests.adapters.memory.read_model import MemoryReadModel
from tests.builders.memory_jobs import START, MemoryJobs
from tests.integration.readmodel_database import projected

Kind = Literal["memory", "postgres"]
JOBS = 220
BATCH_COMMITS = 97
QUEUE_AT = START + timedelta(days=366)
"""No job waits for a later time."""


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job, its number, and its prompt in plain text."""

    job: Job
    number: int
    prompt: str


@dataclass(frozen=True, slots=True, repr=False)
class KnownLog:
    """The log of all read models of a test module, and the results that they must return.

    It has no repr, which would be long: asyncio's runner makes that of the result of each fixture and test.
    """

    jobs: MemoryJobs
    known: dict[str, KnownJob] = field(default_factory=dict)
    commits: list[RecordedCommit] = field(default_factory=list)
    lines: list[LogLine] = field(default_factory=list)

    @property
    def position(self) -> int:
        """Position of the last commit."""
        return self.commits[-1].position

    @property
    def job_with_lines(self) -> str:
        """The job that has log lines."""
        return self.lines[0].job_id

    def of_tenant(self, tenant: str = "default") -> list[RecordedCommit]:
        """Return the commits of a tenant."""
        return [one for one in self.commits if one.commit.state.tenant == tenant]


@dataclass(frozen=True, slots=True)
class ReadModelCase:
    """A read model of the whole log."""

    model: ReadModel
    log: KnownLog


@dataclass(frozen=True, slots=True)
class GrowingCase:
    """A read model of a log that grows: `project` brings the read model up to the end of the log."""

    model: ReadModel
    jobs: MemoryJobs
    project: Callable[[], Awaitable[None]]


def make_log() -> KnownLog:
    """Make some two hundred jobs of two tenants, in every status, and a few log lines."""
    return asyncio.run(_make_log())


async def _make_log() -> KnownLog:
    jobs = MemoryJobs()
    await jobs.many(JOBS)
    log = KnownLog(jobs)
    async for batch in jobs.store.read(0):
        log.commits.extend(batch)
    numbers: dict[str, int] = {}
    for recorded in log.commits:
        numbers.setdefault(recorded.commit.job_id, recorded.position)
    for job_id in jobs.job_ids:
        job = await jobs.job(job_id)
        prompt = "" if job.erased else await jobs.prompt(job_id)
        log.known[job_id] = KnownJob(job, numbers[job_id], prompt)
    log.lines.extend(
        LogLine(
            job_id=jobs.job_ids[0],
            attempt=1,
            at=START,
            level=level,
            message=f"line {number}",
            sequence=number,
        )
        for number, level in enumerate([LogLevel.INFO, LogLevel.WARNING, LogLevel.DEBUG, LogLevel.ERROR], 1)
    )
    return log


async def fill_database(url: str, log: KnownLog) -> None:
    """Fill empty read models from a log."""
    async with projected(url) as database:
        await database.catch_up(log.jobs.store, log.jobs.keys, BATCH_COMMITS)
        await write_live_progress(database.writer, [], log.lines)


@asynccontextmanager
async def read_model_of(log: KnownLog, kind: Kind, url: str) -> AsyncIterator[ReadModelCase]:
    """A read model of a log; `url` is that of a database filled from it."""
    if kind == "memory":
        memory = MemoryReadModel(log.jobs.store, log.jobs.keys)
        memory.lines = log.lines
        yield ReadModelCase(memory, log)
        return
    postgres = await PostgresReadModel.connect(url, 3)
    try:
        yield ReadModelCase(postgres, log)
    finally:
        await postgres.close()


@asynccontextmanager
async def growing_read_model(kind: Kind, database_url: str) -> AsyncIterator[GrowingCase]:
    """A read model of an empty log that grows."""
    jobs = MemoryJobs()
    if kind == "memory":

        async def nothing() -> None:
            """Do nothing: this read model reads the log itself."""

        yield GrowingCase(MemoryReadModel(jobs.store, jobs.keys), jobs, nothing)
        return
    async with projected(database_url) as database:

        async def catch_up() -> None:
            await database.catch_up(jobs.store, jobs.keys)

        postgres = await PostgresReadModel.connect(database_url, 2)
        try:
            yield GrowingCase(postgres, jobs, catch_up)
        finally:
            await postgres.close()
