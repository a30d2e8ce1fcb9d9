"""Appending commits against bare JetStream publishes of the same bytes to a plain file stream of the same server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import perf_counter

import uvloop
from nats.aio.client import Client
from nats.js.api import StorageType, StreamConfig

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.subjects import Service
from kinolog.codec.commits import encode_commit
from kinolog.job.commands import Prefetch
from kinolog.job.commit import Commit
from kinolog.ports.event_store import LoadedJob
from tests.bench import site
from tests.bench.figures import Aim, Figure, Pair, Result, interleaved, paired
from tests.fixtures.log import commit_of, first_commit, job_name

STREAM = "BENCH"
AT_ONCE = 64
AIM = Aim("ratio", "at least", 0.8)


def measure(quick: bool) -> Result:
    """Measure appends of first and later commits, one at a time and many at once."""
    with site.running(set()) as stack:
        settings = site.log_settings(stack, Service.API)
        admin = site.log_settings(stack, Service.ADMIN)

        async def all_figures() -> list[Figure]:
            ours, bare = await connect(settings, Service.API), await connect(admin, Service.ADMIN)
            try:
                await bare.jetstream().add_stream(
                    StreamConfig(STREAM, subjects=["bench.>"], storage=StorageType.FILE)
                )
                store = JetStreamEventStore(ours)
                figures = await _figures(store, bare, quick)
                await store.close()
                return figures
            finally:
                await ours.close()
                await bare.close()

        return Result("append", site.STREAM_DURABILITY, tuple(uvloop.run(all_figures())))


async def _figures(store: JetStreamEventStore, bare: Client, quick: bool) -> list[Figure]:
    pairs, serial, many = (2, 60, 1_000) if quick else (4, 300, 3_000)
    await _one_pair(store, bare, _first_commits(500), AT_ONCE)
    figures = []
    for name, count, at_once in (("1 at once", serial, 1), (f"{AT_ONCE} at once", many, AT_ONCE)):
        taken = [
            await _one_pair(store, bare, _first_commits(count), at_once, flip=bool(n % 2))
            for n in range(pairs)
        ]
        figures.append(paired(f"first commit of a job, {name}", "/s", taken, AIM))
    for name, count, at_once in (("1 at once", serial, 1), (f"{AT_ONCE} at once", many, AT_ONCE)):
        taken = []
        for number in range(pairs):
            commits = await _second_commits(store, count)
            taken.append(await _one_pair(store, bare, commits, at_once, flip=bool(number % 2)))
        figures.append(paired(f"later commit of a job, {name}", "/s", taken, AIM))
    return figures


def _first_commits(count: int) -> list[Commit]:
    return [first_commit(job_name()) for _ in range(count)]


async def _second_commits(store: JetStreamEventStore, count: int) -> list[Commit]:
    """Append first commits and return a commit that builds on each."""
    firsts = _first_commits(count)
    stored = await store.append_first(firsts)
    commits = []
    for first, appended in zip(firsts, stored, strict=True):
        if isinstance(appended, Exception):
            raise appended
        loaded = LoadedJob(
            job=first.state, position=appended.position, digest=appended.digest, command_id=first.command.id
        )
        commits.append(commit_of(first.job_id, loaded, Prefetch(id="prefetch", actor="tester")))
    return commits


async def _one_pair(
    store: JetStreamEventStore, bare: Client, commits: Sequence[Commit], at_once: int, *, flip: bool = False
) -> Pair:
    """Measure both sides once. Ours encodes each commit; the floor publishes encoded bytes."""
    jetstream = bare.jetstream()
    raws = [(f"bench.{commit.job_id}", encode_commit(commit).raw) for commit in commits]

    publishes = [partial(jetstream.publish, subject, raw) for subject, raw in raws]
    appends = [partial(store.append, commit) for commit in commits]

    async def floor() -> float:
        return await _rate(publishes, at_once)

    async def ours() -> float:
        return await _rate(appends, at_once)

    if at_once == 1:
        return await _alternating(publishes, appends, flip=flip)
    if flip:
        reading = await ours()
        return Pair(await floor(), reading)
    (pair,) = await interleaved(1, floor, ours)
    return pair


async def _alternating(
    floor: Sequence[Callable[[], Awaitable[object]]],
    ours: Sequence[Callable[[], Awaitable[object]]],
    *,
    flip: bool,
) -> Pair:
    """Measure both sides call by call, because the duration of a sync changes from second to second."""
    spent = [0.0, 0.0]
    sides = (1, 0) if flip else (0, 1)
    for pair in zip(floor, ours, strict=True):
        for side in sides:
            started = perf_counter()
            await pair[side]()
            spent[side] += perf_counter() - started
    return Pair(len(floor) / spent[0], len(ours) / spent[1])


async def _rate(calls: Sequence[Callable[[], Awaitable[object]]], at_once: int) -> float:
    """Return the calls per second with `at_once` in flight."""
    waiting = iter(calls)

    async def caller() -> None:
        for call in waiting:
            await call()

    started = perf_counter()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    return len(calls) / (perf_counter() - started)
