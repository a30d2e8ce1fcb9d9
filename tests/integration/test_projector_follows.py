"""The running projector: it follows the log, stands by, stops at a damaged log, and writes live progress."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from kinolog_projector.projection.projector import Projector
from kinolog_projector.schema.migrate import WrongSchema

from kinolog.job.commit import RecordedCommit
from kinolog.job.values import Sealed, Stage, Status
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.ports.progress import LogLevel, LogLine, PreviewImage, Progress, ProgressUpdate, SealedNote
from kinolog.ports.read_model import (
    JobFilter,
    JobQuery,
    PositionNotReached,
    ReadModelUnavailable,
    SortField,
    SortOrder,
)
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.keys import MemoryKeyStore
from tests.builders.memory_jobs import START, MemoryJobs
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until
from tests.integration.readmodel_database import migrate, projected


class Feed:
    """A progress feed in one process. It holds what is published until a reader follows it."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[ProgressUpdate] = asyncio.Queue()
        self.held: list[ProgressUpdate] = []

    async def publish(self, update: ProgressUpdate) -> None:
        self.waiting.put_nowait(update)

    async def follow(self, job_id: str | None = None) -> AsyncIterator[ProgressUpdate]:
        while True:
            yield await self.waiting.get()

    async def recent(self, job_id: str) -> Sequence[ProgressUpdate]:
        return [one for one in self.held if one.job_id == job_id]

    async def last_progress(self, job_id: str, attempt: int) -> Progress | None:
        return None

    async def erase(self, job_id: str) -> None:
        self.held = [one for one in self.held if one.job_id != job_id]


@pytest.fixture
async def memory_jobs() -> MemoryJobs:
    """A log with a few jobs."""
    made = MemoryJobs()
    await made.many(20)
    return made


@pytest.fixture
async def read_model(database_url: str) -> AsyncIterator[PostgresReadModel]:
    """A read model on a migrated database."""
    await migrate(database_url)
    model = await PostgresReadModel.connect(database_url, 2)
    yield model
    await model.close()


@asynccontextmanager
async def projecting(
    url: str, memory_jobs: MemoryJobs, feed: Feed | None = None, store: MemoryEventStore | None = None
) -> AsyncIterator[Projector]:
    """Run a projector."""
    projector = Projector(url, store or memory_jobs.store, memory_jobs.keys, feed or Feed(), batch_size=50)
    async with background_task(projector.run()):
        yield projector


async def test_what_is_appended_can_be_read_at_its_position(
    memory_jobs: MemoryJobs, database_url: str, read_model: PostgresReadModel
) -> None:
    """A reader that has waited for the position of a commit sees its effect."""
    async with projecting(database_url, memory_jobs):
        for _ in range(5):
            job_id = await memory_jobs.submit("something new")
            position = await memory_jobs.store.last_position()
            assert await read_model.wait_for(position, 20) >= position
            page = await read_model.list_jobs("default", JobQuery(page_size=1))
            assert page.rows[0].id == job_id
            assert page.position >= position


async def test_one_leads_and_another_takes_over(
    memory_jobs: MemoryJobs, database_url: str, read_model: PostgresReadModel
) -> None:
    """The second projector stands by, is ready, and continues where the first one stopped."""
    async with projecting(database_url, memory_jobs) as second:
        await read_model.wait_for(await memory_jobs.store.last_position(), 20)
        first = second
        async with projecting(database_url, memory_jobs) as second:
            async with asyncio.timeout(20):
                await second.checked.wait()
            assert (first.leads, second.leads) == (True, False)
            assert second.missing() == []
            await _cut_leader(database_url)
            await memory_jobs.many(5)
            await read_model.wait_for(await memory_jobs.store.last_position(), 20)
            assert second.leads or first.leads
            summary = await read_model.summarize("other", JobFilter())
            assert summary.position == await memory_jobs.store.last_position()


async def test_the_projector_waits_for_a_killed_database(
    memory_jobs: MemoryJobs, own_postgres_server: PostgresServer
) -> None:
    """When Postgres is killed, the projector continues after its restart and misses no commit."""
    url = own_postgres_server.url()
    await migrate(url)
    model = await PostgresReadModel.connect(url, 2)
    async with projecting(url, memory_jobs):
        await model.wait_for(await memory_jobs.store.last_position(), 20)
        own_postgres_server.kill()
        await memory_jobs.many(10)
        own_postgres_server.start()
        await _until_reached(model, await memory_jobs.store.last_position())
    await model.close()
    async with projected(url) as database:
        cursor = await database.connection.execute("SELECT count(*), max(position) FROM kinolog.archive")
        last = await memory_jobs.store.last_position()
        assert await cursor.fetchone() == (last, last)


async def _until_reached(model: PostgresReadModel, position: int) -> None:

    async def reached() -> bool:
        try:
            await model.wait_for(position, 5)
        except (ReadModelUnavailable, PositionNotReached):
            return False
        return True

    await until(reached, f"the read model has reached {position}")


async def test_a_cancelled_projector_ends_at_once(
    database_url: str, read_model: PostgresReadModel, caplog: pytest.LogCaptureFixture
) -> None:
    """A cancellation at any point interrupts no command, and no batch is written in part."""
    memory_jobs = MemoryJobs()
    for number in range(25):
        projector = Projector(database_url, memory_jobs.store, memory_jobs.keys, Feed(), batch_size=20)
        running = asyncio.create_task(projector.run())
        async with asyncio.timeout(20):
            await projector.checked.wait()
        await memory_jobs.many(2)
        for _ in range(number * 4):  # turns of the event loop, to stop at another point each time
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(20):
                await running
    assert caplog.messages == []
    async with projecting(database_url, memory_jobs):
        await read_model.wait_for(await memory_jobs.store.last_position(), 20)


async def _cut_leader(database_url: str) -> None:
    """Terminate the connection of the leader, as a failing network would."""
    async with projected(database_url) as database:
        await database.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
        )


async def test_a_log_that_lost_its_end_stops_the_projector(
    memory_jobs: MemoryJobs, database_url: str, read_model: PostgresReadModel
) -> None:
    """A log that ends before the archive is not followed; the message names the command to run."""
    async with projected(database_url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    shorter = MemoryJobs()
    await shorter.many(3)
    projector = Projector(database_url, shorter.store, shorter.keys, Feed())
    with pytest.raises(DamagedLog, match=r"has lost its end.*restore"):
        async with asyncio.timeout(20):
            await projector.run()


async def test_another_log_stops_the_projector(
    memory_jobs: MemoryJobs, database_url: str, read_model: PostgresReadModel
) -> None:
    """A log that holds another commit where the archive ends is not followed."""
    async with projected(database_url) as database:
        await database.catch_up(memory_jobs.store, memory_jobs.keys)
    other = MemoryJobs(now=START + timedelta(days=1))
    await other.many(30)
    projector = Projector(database_url, other.store, other.keys, Feed())
    with pytest.raises(DamagedLog, match="another commit"):
        async with asyncio.timeout(20):
            await projector.run()


class StoreWithGap(MemoryEventStore):
    """A log from which one commit is missing."""

    async def follow(self, after: int) -> AsyncIterator[Sequence[RecordedCommit]]:
        async for batch in super().follow(after):
            yield [recorded for recorded in batch if recorded.position != 7]


async def test_a_gap_in_the_log_stops_the_projector(database_url: str, read_model: PostgresReadModel) -> None:
    """A missing commit stops the projector; it is not skipped."""
    memory_jobs = MemoryJobs(store=StoreWithGap())
    await memory_jobs.many(10)
    projector = Projector(database_url, memory_jobs.store, memory_jobs.keys, Feed())
    with pytest.raises(DamagedLog, match="from position 6 to 8"):
        async with asyncio.timeout(20):
            await projector.run()
    assert await read_model.position() == 0


class UnavailableKeys(MemoryKeyStore):
    """Keys that are unavailable at first."""

    refusals = 2

    async def get_many(self, job_ids: Sequence[str]) -> dict[str, bytes]:
        if self.refusals:
            self.refusals -= 1
            raise LogUnavailable("no answer")
        return await super().get_many(job_ids)


async def test_the_projector_waits_for_unavailable_keys(
    database_url: str, read_model: PostgresReadModel
) -> None:
    """While keys are unavailable the projector waits: it writes no prompt without its key."""
    memory_jobs = MemoryJobs(keys=UnavailableKeys())
    await memory_jobs.submit("worth waiting for")
    async with projecting(database_url, memory_jobs):
        await read_model.wait_for(1, 20)
    page = await read_model.list_jobs("default", JobQuery())
    assert page.rows[0].prompt == "worth waiting for"


async def test_a_database_that_was_not_migrated_is_refused(
    memory_jobs: MemoryJobs, database_url: str
) -> None:
    """The projector refuses a database of another version, and names the command to run."""
    projector = Projector(database_url, memory_jobs.store, memory_jobs.keys, Feed())
    with pytest.raises(WrongSchema, match="kinolog-projector migrate"):
        async with asyncio.timeout(20):
            await projector.run()
    await migrate(database_url)
    async with projected(database_url) as database:
        await database.connection.execute("UPDATE projection.checkpoint SET projection_version = 0")
    with pytest.raises(WrongSchema, match="kinolog-projector rebuild"):
        async with asyncio.timeout(20):
            await projector.run()


async def test_progress_and_log_lines_reach_the_lists(
    database_url: str, read_model: PostgresReadModel
) -> None:
    """The percentage of a running job moves it in the order by progress; each log line is stored once."""
    memory_jobs, feed = MemoryJobs(), Feed()
    waiting, running = await memory_jobs.submit(), await memory_jobs.submit()
    attempt = await memory_jobs.start(running)
    at = memory_jobs.now

    def line(number: int, level: LogLevel) -> LogLine:
        note = SealedNote("key", Sealed(nonce=b"nonce", ciphertext=b"\x00\xff")) if number == 2 else None
        text = f'line {number} with "quotes", \\ and {{braces}}'
        return LogLine(
            job_id=running, attempt=attempt, at=at, level=level, message=text, sequence=number, note=note
        )

    feed.held = [line(1, LogLevel.INFO), line(2, LogLevel.WARNING)]
    async with projecting(database_url, memory_jobs, feed):
        await read_model.wait_for(3, 20)
        for percent in (10.0, 20.5, 37.25):
            await feed.publish(
                Progress(
                    job_id=running,
                    attempt=attempt,
                    at=at,
                    worker="worker-1",
                    stage=Stage.DENOISE,
                    scene=0,
                    scenes=1,
                    step=3,
                    steps=10,
                    percent=percent,
                    eta_seconds=12.5,
                )
            )
        await feed.publish(
            Progress(
                job_id=running,
                attempt=9,
                at=at,
                worker="worker-9",
                stage=Stage.DENOISE,
                scene=0,
                scenes=1,
                step=3,
                steps=10,
                percent=99.0,
            )
        )
        await feed.publish(
            Progress(
                job_id=waiting,
                attempt=1,
                at=at,
                worker="worker-1",
                stage=Stage.DENOISE,
                scene=0,
                scenes=1,
                step=3,
                steps=10,
                percent=50.0,
            )
        )
        await feed.publish(
            PreviewImage(
                job_id=running,
                attempt=attempt,
                at=at,
                scene=0,
                step=1,
                media_type="image/webp",
                image=b"picture",
            )
        )
        await feed.publish(
            Progress(
                job_id=running,
                attempt=attempt,
                at=at,
                worker="worker-1",
                stage=Stage.DENOISE,
                scene=0,
                scenes=1,
                step=3,
                steps=10,
                percent=37.25,
                eta_seconds=12.5,
            )
        )
        for number in (2, 3, 3):
            await feed.publish(line(number, LogLevel.DEBUG if number == 3 else LogLevel.WARNING))
        await _until_written(read_model, running)
    by_progress = await read_model.list_jobs("default", JobQuery(order=SortOrder(SortField.PROGRESS)))
    assert [(row.id, row.percent, row.eta_seconds) for row in by_progress.rows] == [
        (running, 37.25, 12.5),
        (waiting, 0.0, None),
    ]
    lines = await read_model.list_log_entries(running, min_level=LogLevel.INFO)
    assert lines == (line(1, LogLevel.INFO), line(2, LogLevel.WARNING))
    assert [one.sequence for one in await read_model.list_log_entries(running, 1)] == [3]
    assert [one.sequence for one in await read_model.list_log_entries(running, 5, after_sequence=1)] == [2, 3]


async def _until_written(read_model: PostgresReadModel, running: str) -> None:
    """Wait until the last update is written; only the tables show it."""

    async def written() -> bool:
        lines = await read_model.list_log_entries(running)
        page = await read_model.list_jobs(
            "default", JobQuery(filter=JobFilter(statuses=(Status.PROCESSING,)))
        )
        return len(lines) == 3 and bool(page.rows) and page.rows[0].percent == 37.25

    await until(written, "the progress is written")
