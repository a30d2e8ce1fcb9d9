"""Fifty running jobs on top of a seeded database: their progress and commits are live, their rows are borrowed.

The jobs are in the log of the stack, which no projector follows here. Meanwhile the newest rows have their ids and the
status processing: a dashboard lists them, receives their updates, and reads its lists again, as with any running jobs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from threading import Event, Thread

import psycopg
import uvloop

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.subjects import Service
from kinolog.command_handler import CommandHandler
from kinolog.ids import new_id
from kinolog.job.commands import RecordStages, StageMark, StartAttempt
from kinolog.job.values import Runtime, Stage
from kinolog.ports.clock import system_clock
from kinolog.ports.progress import Progress
from kinolog_stack.stack import Stack
from tests.bench import site
from tests.bench.calls import job_service, submission
from tests.bench.pace import beats

RUNNING = 50
STEPS_PER_SECOND = 1
COMMITS_PER_SECOND = 5
"""Commits of all running jobs together: a job of one minute writes about six."""
WORKER = "worker-1"
STEPS = 1_000
STAGES = (Stage.PREFETCH, Stage.ENCODE_PROMPT, Stage.DENOISE, Stage.DECODE)

BORROWED = "id, status, stage, attempt, percent, started_at, finished_at"
BORROW = """
    UPDATE projection.jobs SET id = %s, status = 'processing', stage = 'denoise', attempt = 1, percent = 0,
        started_at = created_at, finished_at = NULL
    WHERE id = %s
"""
GIVE_BACK = """
    UPDATE projection.jobs SET id = %s, status = %s, stage = %s, attempt = %s, percent = %s, started_at = %s,
        finished_at = %s
    WHERE id = %s
"""
MOVE_CHECKPOINT = "UPDATE projection.checkpoint SET position = %s"


@contextmanager
def checkpoint_before_log(url: str) -> Iterator[None]:
    """Set the checkpoint of the database to 0 and restore it at the end.

    The checkpoint belongs to another log than that of the stack. After the end of that log, it would look as if the log
    had been replaced.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        (position,) = connection.execute("SELECT position FROM projection.checkpoint").fetchone() or (0,)
        connection.execute(MOVE_CHECKPOINT, [0])
        try:
            yield
        finally:
            connection.execute(MOVE_CHECKPOINT, [position])


@contextmanager
def _borrowed_rows(url: str, job_ids: Sequence[str]) -> Iterator[None]:
    """Give the newest rows the ids of these jobs and the status processing; restore them at the end."""
    with psycopg.connect(url, autocommit=True) as connection:
        query = (
            f"SELECT {BORROWED} FROM projection.jobs ORDER BY created_at DESC, number DESC LIMIT {RUNNING}"  # noqa: S608
        )
        rows = connection.execute(query).fetchall()
        pairs = list(zip(rows, job_ids, strict=True))
        with connection.cursor() as cursor:
            cursor.executemany(BORROW, [(job_id, row[0]) for row, job_id in pairs])
            try:
                yield
            finally:
                cursor.executemany(GIVE_BACK, [(*row, job_id) for row, job_id in pairs])


@contextmanager
def jobs_running(
    stack: Stack, target: str, url: str, *, steps_per_second: int = STEPS_PER_SECOND
) -> Iterator[None]:
    """Publish progress and commits of running jobs from a thread. They borrow the newest rows of the database at `url`.

    `target` is the address of the api that accepts the jobs. Each job has `steps_per_second` updates a second.
    """
    started, stopping = Event(), Event()

    async def report() -> None:
        async with _reporting(stack, target, url, steps_per_second):
            started.set()
            await asyncio.to_thread(stopping.wait)

    thread = Thread(target=lambda: uvloop.run(report()), name="running-jobs")
    thread.start()
    while not started.wait(0.1):
        if not thread.is_alive():
            raise RuntimeError("the jobs did not start")
    try:
        yield
    finally:
        stopping.set()
        thread.join()


@asynccontextmanager
async def _reporting(stack: Stack, target: str, url: str, steps_per_second: int) -> AsyncIterator[None]:
    async with job_service(target) as api:
        job_ids = [(await api.SubmitJob(submission("slow-card"))).job.id for _ in range(RUNNING)]
    client = await connect(site.log_settings(stack, Service.WORKER), Service.WORKER)
    store, feed = JetStreamEventStore(client), JetStreamProgressFeed(client)
    handler = CommandHandler(store, system_clock)
    try:
        for job_id in job_ids:
            await handler.handle(
                job_id,
                StartAttempt(
                    id=new_id(),
                    actor=WORKER,
                    runtime=Runtime(hardware="bench", model_revision="r1", libraries={}),
                ),
            )
        tasks = [
            asyncio.create_task(_steps(feed, job_ids, steps_per_second)),
            asyncio.create_task(_commits(handler, job_ids)),
        ]
        try:
            with _borrowed_rows(url, job_ids):
                yield
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await feed.close()
        await store.close()
        await client.close()


async def _steps(feed: JetStreamProgressFeed, job_ids: Sequence[str], per_second: int) -> None:
    """Publish a step of each job in turn, at an even pace, until cancelled."""
    async for number in beats(per_second * len(job_ids)):
        job_id, step = job_ids[number % len(job_ids)], number // len(job_ids) % STEPS
        percent = 100 * step / STEPS
        now = datetime.now(UTC)
        await feed.publish(
            Progress(
                job_id=job_id,
                attempt=1,
                at=now,
                worker=WORKER,
                stage=Stage.DENOISE,
                scene=0,
                scenes=1,
                step=step,
                steps=STEPS,
                percent=percent,
                eta_seconds=STEPS - step,
            )
        )


async def _commits(handler: CommandHandler, job_ids: Sequence[str]) -> None:
    """Record a stage of each job in turn, at an even pace, until cancelled."""
    async for number in beats(COMMITS_PER_SECOND):
        stage = STAGES[number // len(job_ids) % len(STAGES)]
        scene = None if stage is Stage.PREFETCH else 0
        mark = StageMark(stage=stage, scene=scene, at=datetime.now(UTC))
        await handler.handle(
            job_ids[number % len(job_ids)], RecordStages(id=new_id(), actor=WORKER, attempt=1, marks=(mark,))
        )
