"""Servers that are killed during appends: every acknowledged commit is stored, and followers miss none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kinolog.adapters.jetstream.client.api_request import api_request
from kinolog.adapters.jetstream.subjects import EVENTS, Service
from kinolog.job.commands import Prefetch
from kinolog.ports.event_store import Appended, DamagedLog, EventStore, LogUnavailable
from kinolog_stack.servers.nats_server import NatsServer
from tests.fixtures.log import (
    Server,
    all_of,
    commit_of,
    connected,
    empty_streams,
    first_commit,
    given_job,
    given_jobs,
    job_name,
    open_stores,
)
from tests.fixtures.nats_cluster import NatsCluster

WRITERS = 8


@dataclass
class Load:
    """Writers that append without a pause, and the acknowledged appends."""

    log: EventStore
    acknowledged: dict[int, bytes] = field(default_factory=dict)
    stopped: bool = False
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def reach(self, count: int) -> None:
        """Return when that many appends are acknowledged."""
        async with self.grown:
            await self.grown.wait_for(lambda: len(self.acknowledged) >= count)

    async def write(self) -> None:
        """Append two commits per job, without end."""
        while not self.stopped:
            job_id = job_name()
            await self._record(await self.log.append(first_commit(job_id)))
            tail = await self.log.load(job_id)
            await self._record(
                await self.log.append(commit_of(job_id, tail, Prefetch(id="prefetch", actor="tester")))
            )

    async def _record(self, appended: Appended) -> None:
        async with self.grown:
            assert appended.position not in self.acknowledged
            self.acknowledged[appended.position] = appended.digest
            self.grown.notify_all()


@asynccontextmanager
async def under_load(log: EventStore) -> AsyncIterator[Load]:
    """Writers that run; at the end they finish their appends, none of them with an error."""
    load = Load(log)
    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(load.write())
        yield load
        load.stopped = True


async def positions_until(log: EventStore, quiet: asyncio.Event) -> list[int]:
    """Return the positions that a follower reads until `quiet` is set and it has read the last one."""
    seen: list[int] = []
    async for batch in log.follow(0):
        seen.extend(recorded.position for recorded in batch)
        if quiet.is_set() and seen[-1] == await log.last_position():
            break
    return seen


async def check(log: EventStore, load: Load) -> None:
    """Check that every acknowledged commit is at its position, and that positions have no gap."""
    stored = await all_of(log.read(0))
    assert [recorded.position for recorded in stored] == list(range(1, len(stored) + 1))
    digests = {recorded.position: recorded.digest for recorded in stored}
    assert load.acknowledged.items() <= digests.items()


async def test_a_killed_server_loses_nothing_acknowledged(own_nats_server: NatsServer) -> None:
    """Given a load of appends, when the server is killed and started twice, writers and a follower continue."""
    await empty_streams(own_nats_server)
    async with (
        open_stores(own_nats_server, Service.API, retry_timeout_seconds=60) as writing,
        open_stores(own_nats_server, Service.PROJECTOR, retry_timeout_seconds=60) as reading,
    ):
        quiet = asyncio.Event()
        following = asyncio.create_task(positions_until(reading.log, quiet))
        async with under_load(writing.log) as load:
            for acknowledged in (100, 400):
                await load.reach(acknowledged)
                await asyncio.to_thread(own_nats_server.kill)
                await asyncio.to_thread(own_nats_server.start)
            await load.reach(700)
        quiet.set()
        await given_job(writing.log)
        async with asyncio.timeout(60):
            seen = await following
        assert seen == list(range(1, seen[-1] + 1))
        assert seen[-1] >= max(load.acknowledged)
        await check(reading.log, load)


@pytest.fixture
def own_cluster(tmp_path: Path) -> NatsCluster:
    """A cluster whose members this test may kill."""
    return NatsCluster(tmp_path / "cluster")


async def leader_of_events(cluster: Server) -> str:
    """Return the name of the server that leads the stream."""
    async with connected(cluster, Service.ADMIN) as client:
        info = await api_request(client, f"$JS.API.STREAM.INFO.{EVENTS}")
        return str(info["cluster"]["leader"])


async def test_a_killed_leader_loses_nothing_acknowledged(own_cluster: NatsCluster) -> None:
    """Given a load of appends on three replicas, when the stream's leader is killed, the other two continue."""
    await asyncio.to_thread(own_cluster.start)
    try:
        await empty_streams(own_cluster)
        async with (
            open_stores(own_cluster, Service.API, retry_timeout_seconds=60) as writing,
            open_stores(own_cluster, Service.PROJECTOR, retry_timeout_seconds=60) as reading,
        ):
            quiet = asyncio.Event()
            following = asyncio.create_task(positions_until(reading.log, quiet))
            async with under_load(writing.log) as load:
                await load.reach(100)
                name = await leader_of_events(own_cluster)
                leader = next(server for server in own_cluster.servers if server.name == name)
                await asyncio.to_thread(leader.kill)
                await load.reach(300)
                await asyncio.to_thread(leader.start)
                await load.reach(500)
            quiet.set()
            await given_job(writing.log)
            async with asyncio.timeout(60):
                seen = await following
            assert seen == list(range(1, seen[-1] + 1))
            await check(reading.log, load)
    finally:
        await asyncio.to_thread(own_cluster.stop)


async def test_an_unreachable_log_raises(own_nats_server: NatsServer) -> None:
    """Given a stopped server, every call raises LogUnavailable after its retries."""
    await empty_streams(own_nats_server)
    async with open_stores(own_nats_server, Service.API, retry_timeout_seconds=0.3) as stores:
        job_id = await given_job(stores.log)
        tail = await stores.log.load(job_id)
        await asyncio.to_thread(own_nats_server.kill)
        calls = [
            stores.log.load(job_id),
            stores.log.append(first_commit(job_name())),
            stores.log.append(commit_of(job_id, tail, Prefetch(id="prefetch", actor="tester"))),
            stores.log.append_first([first_commit(job_name()) for _ in range(40)]),
            stores.log.last_position(),
            all_of(stores.log.read(0)),
            stores.keys.get(job_id),
            stores.keys.create({job_id: b"k" * 32}),
            stores.keys.erase(job_id),
        ]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(answer) for answer in answers] == [LogUnavailable] * len(calls)


async def test_an_orderly_restart_is_retried(own_nats_server: NatsServer) -> None:
    """Given a server that is stopped and started in order, the same connection continues."""
    await empty_streams(own_nats_server)
    async with open_stores(own_nats_server, Service.WORKER) as stores:
        job_id = await given_job(stores.log)
        await asyncio.to_thread(own_nats_server.restart)
        assert await stores.log.load(job_id) is not None
        await given_job(stores.log)


async def test_a_follower_of_a_log_that_lost_its_end_stops(own_nats_server: NatsServer) -> None:
    """Given a follower, when the log is shorter after a restart, following raises DamagedLog."""
    await empty_streams(own_nats_server)
    async with open_stores(own_nats_server, Service.PROJECTOR) as stores:
        await given_jobs(stores.log, 5)
        batches = aiter(stores.log.follow(0))
        assert len(await anext(batches)) == 5
        await empty_streams(own_nats_server, [EVENTS])
        with pytest.raises(DamagedLog, match="ends at 0, before 5"):
            await anext(batches)
