"""A comparison of everything that is stored, against reading the log alone."""

from __future__ import annotations

import asyncio
from time import perf_counter

import uvloop
from kinolog_projector.projection.projector import Projector
from kinolog_projector.tree.commit_tree import CommitTree
from kinolog_projector.verify.verify_all import VerifyAll, VerifyChoices, VerifyProgress

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.keys import JetStreamKeyStore
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.log.raw_log import JetStreamRawLog
from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.subjects import Service
from kinolog.privacy.wrapped_keys import WrappedKeyStore
from kinolog.process.gc_tuning import CollectionRate, collect_garbage_rarely
from kinolog.readmodel.database import writer_connection
from kinolog_stack.servers.postgres_server import DATABASE
from kinolog_stack.stack import Stack
from tests.bench import site
from tests.bench.catch_up import fill
from tests.bench.figures import Aim, Figure, Pair, Result, interleaved, paired
from tests.bench.lives import lives
from tests.fixtures.master_key import MASTER_KEYS

CHUNK = 1_024


def measure(quick: bool) -> Result:
    """Measure how many commits a second are compared in log, archive, tree, lists and key store."""
    jobs, pairs = (300, 2) if quick else (14_300, 3)
    collect_garbage_rarely(CollectionRate.BATCHES)  # as the process does
    with site.running(set()) as stack:
        figures = uvloop.run(_figures(stack, jobs, pairs))
    note = f"{jobs:,} whole lives of jobs in 7 commits each; the floor reads the bytes of the log, and compares nothing"
    return Result("verify_all", "nothing is written", figures, (note,))


async def _figures(stack: Stack, jobs: int, pairs: int) -> tuple[Figure, ...]:
    url = site.postgres_of(stack).url(DATABASE)
    await fill(stack, await lives(jobs))
    client = await connect(site.log_settings(stack, Service.PROJECTOR), Service.PROJECTOR)
    try:
        store, raw_log = JetStreamEventStore(client), JetStreamRawLog(client)
        stored_keys, progress = JetStreamKeyStore(client), JetStreamProgressFeed(client)
        keys = WrappedKeyStore(stored_keys, MASTER_KEYS)
        last = await store.last_position()
        await _project(Projector(url, store, keys, progress), last)
        async with await writer_connection(url, "bench") as connection:
            tree = await CommitTree.open(connection)
            while await tree.grow():
                pass

        async def read() -> float:
            started = perf_counter()
            for after in range(0, last, CHUNK):
                await raw_log.stored(after, min(after + CHUNK, last))
            return perf_counter() - started

        async def verify() -> float:
            found = await VerifyAll(url, raw_log, store, keys, None).run(VerifyChoices(), VerifyProgress())
            assert found.holds, found.differences
            return found.seconds

        taken = await interleaved(pairs, read, verify)
        for part in (store, raw_log, stored_keys, progress):
            await part.close()
    finally:
        await client.close()
    rates = [Pair(last / pair.floor, last / pair.ours) for pair in taken]
    return (
        paired("commits", "/s", rates, Aim("value", "at least", 10_000)),
        paired("all of them", "s", taken),
    )


async def _project(projector: Projector, last: int) -> None:
    """Project the whole log."""
    running = asyncio.create_task(projector.run())
    try:
        while projector.position < last:
            await asyncio.sleep(0.01)
            if running.done():
                running.result()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
