"""Appends after a restart of a server whose log is damaged."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client

from kinolog.adapters.jetstream.log import extent_check
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.subjects import Service
from kinolog.job.commands import Prefetch
from kinolog.ports.event_store import AppendConflict, DamagedLog
from kinolog.ports.raw_log import LogExtent
from kinolog_stack.servers.nats_server import NatsServer
from tests.builders.jobs import submit
from tests.fixtures.damage import PARTS, Part, flip_in_log
from tests.fixtures.log import (
    commit_of,
    connected,
    empty_streams,
    first_commit,
    given_jobs,
    job_name,
    open_stores,
)
from tests.fixtures.waits import until_true


@pytest.mark.parametrize("part", PARTS)
async def test_nothing_is_appended_to_a_log_that_was_cut(own_nats_server: NatsServer, part: Part) -> None:
    """A killed server cuts its log at a damaged commit; a process that knows more refuses to append."""
    await empty_streams(own_nats_server)
    async with open_stores(own_nats_server, Service.API) as stores:
        job_ids = await given_jobs(stores.log, 20)
        own_nats_server.kill()
        flip_in_log(own_nats_server.folder, 12, part)
        own_nats_server.start()
        for commits in ([first_commit(job_ids[11])], [first_commit(job_name()) for _ in range(30)]):
            with pytest.raises(DamagedLog, match="ends at position 11, but 20 was stored"):
                await stores.log.append_first(commits)
        with pytest.raises(DamagedLog, match="kinolog restore"):
            await stores.log.append(first_commit(job_name()))
        assert await stores.log.last_position() == 11


async def test_a_restart_of_an_intact_log_is_no_damage(own_nats_server: NatsServer) -> None:
    """After a kill without damage, appends go on."""
    await empty_streams(own_nats_server)
    async with open_stores(own_nats_server, Service.API) as stores:
        (job_id, *_) = await given_jobs(stores.log, 20)
        own_nats_server.kill()
        own_nats_server.start()
        appended = await stores.log.append(first_commit(job_name()))
        assert appended.position == 21
        with pytest.raises(AppendConflict):
            await stores.log.append(commit_of(job_id, None, submit("again")))


async def test_concurrent_appends_after_a_restart_check_the_log_once(
    own_nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty appends that come together after a reconnect are stored after one request for the extent of the log."""
    await empty_streams(own_nats_server)
    requests, extent_of = 0, extent_check.log_extent

    async def counted(client: Client) -> LogExtent:
        nonlocal requests
        requests += 1
        return await extent_of(client)

    monkeypatch.setattr(extent_check, "log_extent", counted)
    async with connected(own_nats_server, Service.API) as client:
        log = JetStreamEventStore(client)
        job_ids = await given_jobs(log, 50)
        prefetch = Prefetch(id="prefetch", actor="tester")
        commits = [commit_of(job_id, await log.load(job_id), prefetch) for job_id in job_ids]
        own_nats_server.kill()
        own_nats_server.start()
        await until_true(lambda: client.stats["reconnects"] and client.is_connected, "the client reconnects")
        appended = await asyncio.gather(*map(log.append, commits))
        assert sorted(each.position for each in appended) == list(range(51, 101))
        assert requests == 1
        await log.close()
