"""A projector that catches up with the log, archive included, against a bare COPY of the rows that it writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import perf_counter

import uvloop
from kinolog_projector.projection.projector import Projector
from kinolog_projector.schema.projection_schema import table_names
from psycopg import sql

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.keys import JetStreamKeyStore
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.log.restore import Rows, restore
from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.subjects import Service
from kinolog.privacy.wrapped_keys import WrappedKeyStore
from kinolog.process.gc_tuning import CollectionRate, collect_garbage_rarely
from kinolog.readmodel.database import Connection, writer_connection
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA
from kinolog.readmodel.tables import PROJECTION_SCHEMA
from kinolog_stack.servers.postgres_server import DATABASE, PostgresServer
from kinolog_stack.stack import Stack
from tests.bench import site
from tests.bench.figures import Aim, Figure, Pair, Result, interleaved, paired
from tests.bench.lives import EVENTS_PER_JOB, lives
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.master_key import MASTER_KEYS

TABLES = (
    (PERMANENT_SCHEMA, "archive"),
    *((PROJECTION_SCHEMA, name) for name in table_names() if name != "checkpoint"),
)


def measure(quick: bool) -> Result:
    """Measure how many events and commits per second a projector catches up with."""
    jobs, pairs = (300, 2) if quick else (3_000, 4)
    collect_garbage_rarely(CollectionRate.BATCHES)  # as the process does
    with site.running(set()) as stack:
        figures = uvloop.run(_figures(stack, jobs, pairs))
    durability = "Postgres synced to disk at each commit, fsync and synchronous_commit on"
    note = (
        f"{jobs:,} whole lives of jobs, {EVENTS_PER_JOB} events in 7 commits each, batches of up to 5,000 commits; "
        "the floor copies archive and read models, ready-made in binary, into tables without indexes"
    )
    return Result("catch_up", durability, figures, (note,))


@dataclass(slots=True)
class _Bench:
    """A filled log, and the databases that catch up with it."""

    postgres: PostgresServer
    store: JetStreamEventStore
    keys: WrappedKeyStore
    progress: JetStreamProgressFeed
    last: int
    databases: int = 0

    async def catch_up(self) -> float:
        """Catch up in an empty database. Return the seconds from the checked log to its last commit."""
        self.databases += 1
        name = f"bench_{self.databases}"
        await asyncio.to_thread(self.postgres.create_database, name, template=DATABASE)
        projector = Projector(self.postgres.url(name), self.store, self.keys, self.progress)
        running = asyncio.create_task(projector.run())
        try:
            await projector.checked.wait()
            started = perf_counter()
            while projector.position < self.last:
                await asyncio.sleep(0.001)
                if running.done():
                    running.result()
            return perf_counter() - started
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    @property
    def newest(self) -> str:
        """URL of the database that caught up last."""
        return self.postgres.url(f"bench_{self.databases}")


async def _figures(stack: Stack, jobs: int, pairs: int) -> tuple[Figure, ...]:
    postgres = site.postgres_of(stack)
    await fill(stack, await lives(jobs))
    client = await connect(site.log_settings(stack, Service.PROJECTOR), Service.PROJECTOR)
    try:
        store = JetStreamEventStore(client)
        keys, progress = JetStreamKeyStore(client), JetStreamProgressFeed(client)
        bench = _Bench(
            postgres, store, WrappedKeyStore(keys, MASTER_KEYS), progress, await store.last_position()
        )
        await bench.catch_up()
        async with await writer_connection(bench.newest, "bench") as connection:
            copies = await _copied_rows(connection)
            taken = await interleaved(pairs, lambda: _copy(connection, copies), bench.catch_up)
        await store.close()
        await keys.close()
        await progress.close()
    finally:
        await client.close()
    events = jobs * EVENTS_PER_JOB
    return (
        paired("events, with archive", "/s", _rates(taken, events), Aim("value", "at least", 20_000)),
        paired("commits, with archive", "/s", _rates(taken, bench.last)),
    )


def _rates(seconds: list[Pair], count: int) -> list[Pair]:
    return [Pair(count / pair.floor, count / pair.ours) for pair in seconds]


async def fill(stack: Stack, memory_jobs: MemoryJobs) -> None:
    """Put the log and the keys of `memory_jobs` on the server."""

    async def rows() -> AsyncIterator[Rows]:
        async for commits in memory_jobs.store.read(0):
            yield [(recorded.position, recorded.raw) for recorded in commits]

    client = await connect(site.log_settings(stack, Service.API), Service.API)
    try:
        await restore(client, rows())
        keys = JetStreamKeyStore(client)
        await keys.create(await memory_jobs.keys.get_wrapped(memory_jobs.job_ids))
        await keys.close()
    finally:
        await client.close()


async def _copied_rows(connection: Connection) -> dict[str, list[bytes]]:
    """Create an empty table beside each of `TABLES`. Return the rows of each in binary, by table name."""
    await connection.execute("CREATE SCHEMA bare")
    copies = {}
    for schema, name in TABLES:
        source, target = sql.Identifier(schema, name), sql.Identifier("bare", name)
        await connection.execute(sql.SQL("CREATE TABLE {} (LIKE {})").format(target, source))
        statement = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT BINARY)").format(source)
        async with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copies[name] = [bytes(block) async for block in copy]
    return copies


async def _copy(connection: Connection, copies: dict[str, list[bytes]]) -> float:
    """Copy all rows into empty tables in one transaction. Return the seconds that it took."""
    for name in copies:
        await connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier("bare", name)))
    started = perf_counter()
    async with connection.transaction(), connection.cursor() as cursor:
        for name, blocks in copies.items():
            statement = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(sql.Identifier("bare", name))
            async with cursor.copy(statement) as copy:
                for block in blocks:
                    await copy.write(block)
    return perf_counter() - started
