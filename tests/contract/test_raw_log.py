"""The port for the bytes of the log: on every adapter the same answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import pytest

from kinolog.adapters.jetstream.log.raw_log import JetStreamRawLog
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ports.event_store import EventStore
from kinolog.ports.raw_log import LogExtent, RawCommit, RawLog
from kinolog_stack.servers.nats_server import NatsServer
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.raw_log import MemoryRawLog
from tests.fixtures.log import all_of, connected, empty_streams, given_job, given_jobs, open_stores


@dataclass(frozen=True, slots=True)
class BothViews:
    """A log, and its bytes."""

    store: EventStore
    raw: RawLog


@pytest.fixture(params=["memory", "one server"])
async def views(request: pytest.FixtureRequest, nats_server: NatsServer) -> AsyncIterator[BothViews]:
    """An empty log."""
    kind: Literal["memory", "one server"] = request.param
    if kind == "memory":
        memory = MemoryEventStore()
        yield BothViews(memory, MemoryRawLog(memory))
        return
    await empty_streams(nats_server)
    async with (
        open_stores(nats_server, Service.API) as stores,
        connected(nats_server, Service.PROJECTOR) as client,
    ):
        raw = JetStreamRawLog(client)
        yield BothViews(stores.log, raw)
        await raw.close()


async def test_an_empty_log_has_no_extent(views: BothViews) -> None:
    """An empty log is whole, and holds nothing."""
    extent = await views.raw.extent()
    assert (extent.last, extent.commits, extent.is_whole) == (0, 0, True)
    assert await views.raw.stored(0, 10) == {}


async def test_a_range_holds_the_bytes_of_the_log(views: BothViews) -> None:
    """Positions, jobs and bytes are those that the log reads; the range ends where the caller says."""
    await given_job(views.store, 3)
    await given_jobs(views.store, 20)
    assert await views.raw.extent() == LogExtent(1, 23, 23)
    expected = {
        recorded.position: RawCommit(recorded.position, recorded.commit.job_id, recorded.raw)
        for recorded in await all_of(views.store.read(2, 21))
    }
    assert sorted(expected) == list(range(3, 22))
    assert await views.raw.stored(2, 21) == expected


async def test_a_range_past_the_end_is_cut(views: BothViews) -> None:
    """Positions that the log does not have are left out."""
    await given_jobs(views.store, 5)
    assert sorted(await views.raw.stored(3, 5_000)) == [4, 5]
    assert await views.raw.stored(5, 9) == {}


@pytest.mark.parametrize(
    ("extent", "whole"),
    [
        (LogExtent(0, 0, 0), True),
        (LogExtent(1, 7, 7), True),
        (LogExtent(1, 7, 6), False),
        (LogExtent(2, 7, 6), False),
        (LogExtent(8, 7, 0), False),
    ],
)
def test_what_counts_as_whole(extent: LogExtent, whole: bool) -> None:
    """A log begins at position 1 and has a commit at each position."""
    assert extent.is_whole is whole
