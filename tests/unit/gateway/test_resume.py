"""The WebSocket: resuming, slow clients, an api that restarts, a gateway that stops."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import AsyncIterator

import grpc
import pytest
from kinolog_gateway.live import send_queue, tenant_broadcast
from kinolog_gateway.live import subscriber as live_subscriber
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from kinolog.v1 import job_pb2 as pb
from tests.fixtures.waits import WAIT_SECONDS
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway, running_gateway
from tests.unit.gateway.recording_api import RecordingApi, Refusal
from tests.unit.gateway.ws_client import WsClient, commits, connected, positions


@pytest.fixture
async def forgetful_gateway(
    api: RecordingApi, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningGateway]:
    """A gateway that remembers no commits, so that clients catch up from the api itself."""
    monkeypatch.setattr(tenant_broadcast, "LOOK_BACK", 0)
    async with running_gateway(api.target) as running:
        yield running


async def test_resuming_from_remembered_commits(gateway: RunningGateway, api: RecordingApi) -> None:
    """After a reconnect, missed commits come first, then live ones, each once and in order."""
    for _ in range(10):
        api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs", after=4)
        await api.wait_for_streams()
        api.add_job()
        await client.receive_until(11)
        assert positions(client.received) == list(range(5, 12))
    assert len(api.requests("WatchJobs")) == 1


async def test_resuming_after_a_long_time(forgetful_gateway: RunningGateway, api: RecordingApi) -> None:
    """Commits that the gateway does not remember are read from the api, and joined with live ones."""
    for _ in range(50):
        api.add_job()
    async with connected(forgetful_gateway.ws_url) as watcher, connected(forgetful_gateway.ws_url) as client:
        await watcher.subscribe("jobs")
        await api.wait_for_streams()
        await client.send(type="subscribe", channel="jobs", after=10)
        for _ in range(5):
            api.add_job()
            await asyncio.sleep(0)
        await client.receive_until(55)
        await watcher.receive_until(55)
        assert positions(client.received) == list(range(11, 56))
        assert positions(watcher.received) == list(range(51, 56))
        # The client's own stream is closed when it has joined the shared one.
        await api.wait_for_streams(1)
        api.add_job()
        assert positions(await client.receive_until(56)) == [56]


async def test_joining_on_an_idle_log(forgetful_gateway: RunningGateway, api: RecordingApi) -> None:
    """A client that catches up on an idle log receives the next commit once."""
    for _ in range(5):
        api.add_job()
    async with connected(forgetful_gateway.ws_url) as client:
        await client.send(type="subscribe", channel="jobs", after=2)
        await client.receive_until(5)
        api.add_job()
        api.add_job()
        await client.receive_until(7)
        assert positions(client.received) == [3, 4, 5, 6, 7]


async def test_resuming_one_job(forgetful_gateway: RunningGateway, api: RecordingApi) -> None:
    """A job's channel resumed from a position sends only its later commits, its end included."""
    job = api.add_job()
    for _ in range(5):
        api.add_job()
    api.commit(canned.started(job), "attempt_started")
    done = api.commit(canned.completed(canned.started(job)), "completed")
    async with connected(forgetful_gateway.ws_url) as client:
        await client.send(type="subscribe", channel=f"job:{job.id}", after=1)
        received = await client.receive_until(done.position)
        assert positions(received) == [7, 8]
        assert received[-1]["type"] == "job_completed"
        assert commits(await client.settle()) == []


async def test_nothing_was_missed(gateway: RunningGateway, api: RecordingApi) -> None:
    """A client that has received a job's last commit receives only later ones."""
    job = api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.subscribe(f"job:{job.id}", after=job.position)
        await api.wait_for_streams()
        done = api.commit(canned.completed(job), "completed")
        assert positions(await client.receive_until(done.position)) == [done.position]


async def test_one_commit_in_two_channels(gateway: RunningGateway, api: RecordingApi) -> None:
    """A commit that belongs to two channels of a client is sent once."""
    job = api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs", after=0)
        await client.subscribe(f"job:{job.id}", after=0)
        await api.wait_for_streams()
        api.commit(canned.started(job), "attempt_started")
        done = api.commit(canned.completed(job), "completed")
        await client.receive_until(done.position)
        assert positions(client.received) == [1, 2, 3]


async def test_a_position_that_the_log_has_not_reached(gateway: RunningGateway, api: RecordingApi) -> None:
    """A position after the log's end is an error; a job's channel then starts after the job's last commit."""
    job = api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.send(type="subscribe", channel="jobs", after=10**9)
        message = await client.receive()
        assert (message["data"]["reason"], message["data"]["channel"]) == ("POSITION_AHEAD", "jobs")
        await client.subscribe(f"job:{job.id}", after=10**9)
        while not api.requests("GetJob"):
            await client.settle()
        await api.wait_for_streams()
        done = api.commit(canned.completed(job), "completed")
        assert positions(await client.receive_until(done.position)) == [done.position]


async def test_an_api_that_restarts(gateway: RunningGateway, api: RecordingApi) -> None:
    """When the api restarts, clients stay connected, receive an error, and miss nothing."""
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        api.add_job()
        await client.receive_until(1)
        await api.stop()
        message = await client.receive_type("error")
        assert message["data"]["reason"] == "API_UNAVAILABLE"
        api.add_job()
        await api.start()
        api.add_job()
        await client.receive_until(3)
    assert positions(client.received) == [1, 2, 3]


async def test_a_gateway_that_starts_before_the_api(api: RecordingApi) -> None:
    """A client that connects before the api is there is served once it is."""
    await api.stop()
    async with running_gateway(api.target) as gateway, connected(gateway.ws_url) as client:
        await client.send(type="subscribe", channel="jobs")
        assert (await client.receive())["data"]["reason"] == "API_UNAVAILABLE"
        await api.start()
        await client.settle()
        await api.wait_for_streams()
        job = api.add_job()
        assert positions(await client.receive_until(job.position)) == [job.position]


async def test_many_restarts_under_load(gateway: RunningGateway, api: RecordingApi) -> None:
    """Clients that reconnect all the time while jobs progress receive every end exactly once."""
    jobs = [api.add_job() for _ in range(60)]
    ended: list[str] = []

    async def watch_all() -> None:
        position = 0
        while len(ended) < len(jobs):
            async with connected(gateway.ws_url) as client:
                await client.send(type="subscribe", channel="jobs", after=position)
                for _ in range(7):
                    if len(ended) == len(jobs):
                        break
                    message = await client.receive()
                    position = max(position, message["position"])
                    if message["type"] == "job_completed":
                        ended.append(message["job_id"])

    async def work() -> None:
        for job in jobs:
            api.commit(canned.started(job), "attempt_started")
            await asyncio.sleep(0)
            api.commit(canned.completed(job), "completed")

    async with asyncio.timeout(60):
        await asyncio.gather(watch_all(), work())
    assert sorted(ended) == sorted(job.id for job in jobs)


async def _small_socket(url: str) -> sockets.socket:
    """Return a connection with a small receive buffer."""
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", int(url.rsplit(":", 1)[1])))
    return raw


async def test_a_slow_client(
    gateway: RunningGateway, api: RecordingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that reads nothing is closed with 1013 while others are served; it resumes without loss."""
    usual = send_queue.CLOSE_AT
    monkeypatch.setattr(send_queue, "CLOSE_AT", 512)  # a tenth of the work of filling a queue
    raw = await _small_socket(gateway.url)
    slow_socket = await connect(gateway.ws_url, sock=raw, compression=None, max_queue=1, ping_interval=None)
    slow = WsClient(slow_socket)
    async with connected(gateway.ws_url) as quick:
        await quick.subscribe("jobs")
        await slow.subscribe("jobs")
        await api.wait_for_streams()
        slow_socket.transport.pause_reading()
        jobs: list[pb.Job] = []
        while len(jobs) < 1_200:
            jobs += [api.add_job(prompt="x" * 16_000) for _ in range(100)]
            await quick.receive_until(jobs[-1].position)
        assert positions(quick.received) == [job.position for job in jobs]
        counts = gateway.state.metrics.live
        async with asyncio.timeout(WAIT_SECONDS):
            while counts.clients > 1:
                await quick.settle()
        assert counts.slow_clients_closed == 1
        slow_socket.transport.resume_reading()
        with pytest.raises(ConnectionClosed) as closed:
            await slow.receive_all()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
    monkeypatch.setattr(send_queue, "CLOSE_AT", usual)
    after = max(message["position"] for message in slow.received)
    async with connected(gateway.ws_url) as resumed:
        await resumed.send(type="subscribe", channel="jobs", after=after)
        await resumed.receive_until(jobs[-1].position)
    together = sorted({*positions(slow.received), *positions(resumed.received)})
    assert together == [job.position for job in jobs]


async def test_held_commits_are_bounded(
    forgetful_gateway: RunningGateway, api: RecordingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client far behind on a busy log receives everything once although few commits are held for it."""
    monkeypatch.setattr(live_subscriber, "MAX_HELD", 5)
    for _ in range(400):
        api.add_job()
    async with connected(forgetful_gateway.ws_url) as watcher, connected(forgetful_gateway.ws_url) as client:
        await watcher.subscribe("jobs")
        await api.wait_for_streams()
        await client.send(type="subscribe", channel="jobs", after=1)
        for _ in range(100):
            api.add_job()
            await asyncio.sleep(0)
        await client.receive_until(500)
        assert positions(client.received) == list(range(2, 501))


async def test_a_gateway_that_stops(api: RecordingApi) -> None:
    """A gateway that stops closes its clients with 1012."""
    async with running_gateway(api.target) as gateway:
        client = WsClient(await connect(gateway.ws_url, compression=None))
        await client.subscribe("jobs")
        await api.wait_for_streams()
        async with asyncio.TaskGroup() as group:
            group.create_task(gateway.server.shutdown())
            with pytest.raises(ConnectionClosed) as closed:
                await client.receive_all()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012


async def test_lists_that_cannot_be_read(gateway: RunningGateway, api: RecordingApi) -> None:
    """Live updates continue while the read model does not answer."""
    api.failures["SummarizeJobs"] = Refusal(grpc.StatusCode.UNAVAILABLE, "READ_MODEL_UNAVAILABLE", "away")
    api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        job = api.add_job()
        assert positions(await client.receive_until(job.position)) == [job.position]
        await client.subscribe("queue")
        del api.failures["SummarizeJobs"]
        assert (await client.receive_type("queue_updated"))["data"]["queued"] == 2


async def test_a_key_that_the_api_refuses(gateway: RunningGateway, api: RecordingApi) -> None:
    """A client whose key the api refuses is closed with 1008; once it is accepted, a new connection is served."""
    api.failures["SummarizeJobs"] = Refusal(grpc.StatusCode.UNAUTHENTICATED, "KEY_REQUIRED", "no")
    async with connected(gateway.ws_url) as client:
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive_all()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    del api.failures["SummarizeJobs"]
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()


async def test_an_api_with_another_log(gateway: RunningGateway, api: RecordingApi) -> None:
    """When the log was replaced by a shorter one, clients are closed with 1012 and start again."""
    for _ in range(3):
        api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs", after=0)
        await client.receive_until(3)
        await api.stop()
        api.position = 0
        api.log.clear()
        api.jobs.clear()
        await api.start()
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive_all()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        job = api.add_job()
        assert positions(await client.receive_until(job.position)) == [1]


async def test_an_erased_job_is_forgotten(gateway: RunningGateway, api: RecordingApi) -> None:
    """After an erasure neither a commit nor a log line from before it is sent from the gateway's memory."""
    job = api.add_job()
    api.add_job()
    async with connected(gateway.ws_url) as watcher:
        await watcher.subscribe("jobs", after=0)
        await api.wait_for_streams()
        api.send_update(log=canned.line(job, 1))
        erased = pb.Job(id=job.id, status=job.status, erased=True)
        done = api.commit(erased, "erased")
        await watcher.receive_until(done.position)
        for update in api.log:  # as the api unseals them now
            if update.job.id == job.id:
                update.job.CopyFrom(
                    pb.Job(id=job.id, status=job.status, position=update.position, erased=True)
                )
        api.lines.clear()
        async with connected(gateway.ws_url) as client:
            await client.send(type="subscribe", channel="jobs", after=0)
            await client.receive_until(done.position)
            assert positions(client.received) == [1, 2, 3]
            shown = [message["data"]["job"]["prompt"] for message in commits(client.received)]
            assert shown == [None, canned.PROMPT, None]
            await client.send(type="subscribe", channel=f"logs:{job.id}")
            api.send_update(log=canned.line(job, 2))
            line = await client.receive_type("job_log_entry")
            assert line["data"]["sequence"] == 2
