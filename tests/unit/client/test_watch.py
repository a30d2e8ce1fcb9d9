"""Watching jobs: live, resumed by position, polled while there is no live connection, and live again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from kinolog.v1 import job_pb2 as pb
from kinolog_client import (
    GatewayUnreachable,
    JobEnded,
    JobUpdated,
    LogLineReceived,
    NotFound,
    PreviewReceived,
    QueueCounted,
)
from tests.fixtures.tasks import background_task
from tests.fixtures.unreliable_network import UnreliableNetwork
from tests.fixtures.waits import until_true
from tests.unit.client.either_client import FAST, EitherClient
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordingApi

BAD_NETWORKS = ("refused", "broken", "silent")


async def next_of(updates: AsyncIterator[Any], *kinds: type) -> Any:
    """The next update of one of these types."""
    async for update in updates:
        if isinstance(update, kinds):
            return update
    raise AssertionError(kinds)


async def test_a_job_to_its_end(client: EitherClient, api: RecordingApi) -> None:
    """The job as it stands, then each commit once and in order, log lines and pictures; its end is the last."""
    job = api.add_job()
    updates = client.watch(job.id, logs=True)
    first = await anext(updates)
    assert isinstance(first, JobUpdated)
    assert (first.position, first.state.status, first.state.queue_position) == (1, "queued", 3)
    api.lines[job.id] = [canned.line(job, 1)]
    line = await next_of(updates, LogLineReceived)
    assert isinstance(line, LogLineReceived)
    assert (line.line.sequence, line.line.message) == (1, "line 1")
    await api.wait_for_streams()
    running = api.commit(canned.started(job), "attempt_started")
    started = await next_of(updates, JobUpdated)
    assert isinstance(started, JobUpdated)
    assert (started.position, started.state.events) == (2, ("attempt_started",))
    api.send_update(progress=canned.progress(running, 4))
    moving = await next_of(updates, JobUpdated)
    assert isinstance(moving, JobUpdated)
    assert (moving.state.step, moving.state.percent, moving.state.job) == (4, 10.0, None)
    api.send_update(preview=canned.preview(running, 4))
    picture = await next_of(updates, PreviewReceived)
    assert isinstance(picture, PreviewReceived)
    assert (picture.image, picture.media_type, picture.attempt) == (b"\xff\xd8", "image/jpeg", 1)
    api.commit(canned.completed(running), "completed")
    rest = [update async for update in updates]
    assert isinstance(rest[-1], JobEnded)
    assert (rest[-1].position, rest[-1].state.status) == (3, "completed")
    assert rest[-1].to_json()["type"] == "job_completed"


async def test_a_job_that_has_ended(client: EitherClient, api: RecordingApi) -> None:
    """Its end comes at once; who knows it already gets nothing; a job that is not there is an error."""
    job = api.commit(canned.completed(api.add_job()), "completed")
    (end,) = [update async for update in client.watch(job.id)]
    assert isinstance(end, JobEnded)
    assert [update async for update in client.watch(job.id, after=job.position)] == []
    missed = [update async for update in client.watch(job.id, after=1)]
    assert [(type(update), update.position) for update in missed] == [(JobEnded, job.position)]
    with pytest.raises(NotFound):
        await anext(client.watch("z" * 26))


async def test_every_job(client: EitherClient, api: RecordingApi) -> None:
    """The counts come first, then the commits of all jobs."""
    api.add_job()
    updates = client.watch()
    counted = await anext(updates)
    assert isinstance(counted, QueueCounted)
    assert counted.counts.total == 1
    await client.until_link("live")
    job = api.add_job()
    updated = await next_of(updates, JobUpdated)
    assert isinstance(updated, JobUpdated)
    assert (updated.job_id, updated.position) == (job.id, 2)
    await updates.aclose()


async def test_every_job_since_a_position(client: EitherClient, api: RecordingApi) -> None:
    """With a position the commits after it come first."""
    jobs = [api.add_job() for _ in range(3)]
    updates = client.watch(after=1)
    missed = [await next_of(updates, JobUpdated) for _ in range(2)]
    assert [update.job_id for update in missed] == [job.id for job in jobs[1:]]
    await updates.aclose()


async def test_a_lost_connection_is_resumed(
    distant: EitherClient, network: UnreliableNetwork, api: RecordingApi
) -> None:
    """Commits while the connection was away come after it, and none comes twice."""
    updates = distant.watch()
    await next_of(updates, QueueCounted)
    await distant.until_link("live")
    await api.wait_for_streams()
    positions = []
    for _ in range(3):
        positions.append(api.add_job().position)
        network.cut_live()
        positions.append(api.add_job().position)
        while len(seen := await commits(updates, positions[-1])) < 1:
            pass
        assert seen == positions[-len(seen) :]
    assert network.handshakes >= 2
    await updates.aclose()


async def commits(updates: AsyncIterator[Any], last: int) -> list[int]:
    """Positions of the updates up to one."""
    seen: list[int] = []
    while not seen or seen[-1] < last:
        update = await next_of(updates, JobUpdated, JobEnded)
        seen.append(update.position)
    return seen


@pytest.mark.parametrize("mode", BAD_NETWORKS)
async def test_one_job_is_polled_and_live_again(
    distant: EitherClient, network: UnreliableNetwork, api: RecordingApi, mode: str
) -> None:
    """Where no WebSocket is to be had REST is read; once it is there again, the updates are live."""
    network.live = mode
    job = api.add_job()
    updates = distant.watch(job.id, logs=True)
    assert (await anext(updates)).state.status == "queued"
    running = api.commit(canned.started(job), "attempt_started")
    api.lines[job.id] = [canned.line(job, number) for number in (1, 2)]
    polled = [await anext(updates) for _ in range(3)]
    assert {type(update) for update in polled} == {JobUpdated, LogLineReceived}
    assert distant.links.count("polling") >= 1
    assert "live" not in distant.links or mode == "broken"
    network.live = "works"
    api.lines[job.id].append(canned.line(job, 3))
    line = await next_of(updates, LogLineReceived)
    assert line.line.sequence == 3
    before = distant.links.count("live")
    stepping = canned.progress(running, 4)
    api.send_update(progress=stepping)
    while distant.links.count("live") == before:
        running.percent += 1.0
        api.commit(running, "stage_started")
        await anext(updates)
    api.commit(canned.completed(running), "completed")
    rest = [update async for update in updates]
    assert isinstance(rest[-1], JobEnded)
    assert sum(isinstance(update, JobEnded) for update in rest) == 1
    assert not any(isinstance(update, LogLineReceived) for update in rest)


@pytest.mark.parametrize("mode", BAD_NETWORKS)
async def test_every_job_is_polled(
    distant: EitherClient, network: UnreliableNetwork, api: RecordingApi, mode: str
) -> None:
    """Polling brings each job with a new commit once, and the counts when they change."""
    api.add_job()
    network.live = mode
    updates = distant.watch()
    await next_of(updates, QueueCounted)
    await distant_until_polling(distant, updates, api)
    job = api.add_job()
    seen = await commits(updates, job.position)
    assert seen == sorted(set(seen))
    counted = await next_of(updates, QueueCounted)
    assert counted.counts.total == len(api.jobs)
    network.live = "works"
    later = [api.add_job().position for _ in range(3)]
    assert (await commits(updates, later[-1]))[-1] == later[-1]
    await updates.aclose()


async def distant_until_polling(
    distant: EitherClient, updates: AsyncIterator[Any], api: RecordingApi
) -> None:
    """Let the watch run until it polls."""
    while "polling" not in distant.links:
        api.add_job()
        await next_of(updates, JobUpdated)


async def test_a_connection_that_falls_silent_is_given_up(
    distant: EitherClient, network: UnreliableNetwork, api: RecordingApi
) -> None:
    """A connection that worked and brings nothing any more, not even a pong, is replaced."""
    job = api.add_job()
    updates = distant.watch(job.id)
    await anext(updates)
    running = api.commit(canned.started(job), "attempt_started")
    await anext(updates)
    while "live" not in distant.links:  # until it is connected, updates are read over REST
        running.percent += 1.0
        api.commit(running, "stage_started")
        await anext(updates)
    network.mute_live()
    api.commit(canned.completed(running), "completed")
    rest = [update async for update in updates]
    assert [type(update) for update in rest] == [JobEnded]
    assert f"no answer to a ping for {FAST.pong_seconds:g} s" in distant.causes


async def test_a_gateway_that_stays_away_is_given_up(
    distant: EitherClient, network: UnreliableNetwork, api: RecordingApi
) -> None:
    """After the time that a watch waits for the gateway, its error is raised."""
    job = api.add_job()
    updates = distant.watch(job.id)
    await anext(updates)
    await network.stop()
    with pytest.raises(GatewayUnreachable):
        await anext(updates)
    assert "offline" in distant.links


async def test_a_gateway_that_comes_back(
    distant: EitherClient, network: UnreliableNetwork, api: RecordingApi
) -> None:
    """A gateway that was away for a while is found again; what happened meanwhile comes once."""
    job = api.add_job()
    updates = distant.watch(job.id)
    await anext(updates)
    await network.stop()
    api.commit(canned.started(job), "attempt_started")
    await network.start()
    seen = await commits(updates, 2)
    assert seen == [2]
    job.status = pb.STATUS_CANCELLED
    api.commit(job, "cancelled")
    assert [update.position async for update in updates] == [3]


async def test_a_gateway_without_updates_is_polled(client: EitherClient, api: RecordingApi) -> None:
    """While the gateway says that its own stream is broken, the client reads over REST, and is live again later."""
    job = api.add_job()
    received: list[Any] = []

    async def read() -> None:
        async for update in client.watch(job.id):
            received.append(update)  # noqa: PERF401 - each is seen as it comes

    async with background_task(read()) as reading:
        await client.until_link("live")
        await api.wait_for_streams()
        await api.stop()
        await client.until_link("offline")
        running = api.commit(canned.started(job), "attempt_started")
        await api.start()
        await until_true(lambda: len(received) > 1, "the start of the attempt is received")
        api.commit(canned.completed(running), "completed")
        await reading
    assert [update.state.status for update in received] == ["queued", "processing", "completed"]
    assert isinstance(received[-1], JobEnded)
