"""The WebSocket: the messages of each channel."""

from __future__ import annotations

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kinolog.v1 import job_pb2 as pb
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.ws_client import connected, positions


async def test_a_job_from_submission_to_completion(gateway: RunningGateway, api: RecordingApi) -> None:
    """A client of one job receives each commit once, in order, and how the job ended."""
    job = api.add_job()
    other = api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.send(type="subscribe", channel=f"job:{job.id}")
        assert (await client.receive())["data"]["job"]["status"] == "queued"
        await api.wait_for_streams()
        api.commit(canned.started(job), "attempt_started")
        api.commit(canned.started(other), "attempt_started")
        done = api.commit(canned.completed(canned.started(job)), "completed")
        received = await client.receive_until(done.position)
    assert positions(client.received) == [1, 3, 5]
    assert received[-1]["type"] == "job_completed"
    assert received[-1]["data"]["events"] == ["completed"]
    assert received[-1]["data"]["job"]["links"]["video"] == f"/api/v1/result/{job.id}/video"
    assert {message["job_id"] for message in received} == {job.id}


async def test_how_jobs_end(gateway: RunningGateway, api: RecordingApi) -> None:
    """A failed job brings job_failed with the error, a cancelled one job_cancelled."""
    first, second = api.add_job(), api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        api.commit(canned.failed(first), "failed")
        second.status = pb.STATUS_CANCELLED
        api.commit(second, "cancel_requested", "cancelled")
        failed, cancelled = await client.receive(), await client.receive()
    assert (failed["type"], failed["data"]["job"]["error"]["code"]) == ("job_failed", "OUT_OF_MEMORY")
    assert (cancelled["type"], cancelled["data"]["status"]) == ("job_cancelled", "cancelled")


async def test_a_job_that_ended_before(gateway: RunningGateway, api: RecordingApi) -> None:
    """A subscription to a job that has ended starts with how it ended."""
    job = api.commit(canned.completed(api.add_job()), "completed")
    async with connected(gateway.ws_url) as client:
        await client.send(type="subscribe", channel=f"job:{job.id}")
        message = await client.receive()
    assert (message["type"], message["position"]) == ("job_completed", job.position)


async def test_progress_is_conflated(gateway: RunningGateway, api: RecordingApi) -> None:
    """Only the newest progress arrives, with the stages of the job; none of it follows a job's end."""
    job = canned.started(api.add_job())
    api.commit(job, "attempt_started")
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        for step in range(1, 20):
            api.send_update(progress=canned.progress(job, step))
        message = await client.receive()
        while message["data"]["step"] != 19:
            message = await client.receive()
        assert len(client.received) < 10
        data = message["data"]
        assert (data["percent"], data["eta_seconds"], data["job"]) == (47.5, 1.0, None)
        assert [stage["percent"] for stage in data["stages"]] == [100.0, 95.0]
        done = api.commit(canned.completed(job), "completed")
        api.send_update(progress=canned.progress(job, 20))
        await client.receive_until(done.position)
        other = api.add_job()
        after = await client.receive_until(other.position)
    assert positions(after) == [other.position]
    assert len(after) == 1


async def test_progress_of_an_older_attempt_is_dropped(gateway: RunningGateway, api: RecordingApi) -> None:
    """Progress from a lost worker does not overwrite that of the running attempt."""
    job = canned.started(api.add_job())
    api.commit(job, "attempt_started")
    api.commit(canned.started(job, attempt=2), "attempt_started")
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        api.send_update(progress=canned.progress(job, 9, attempt=1))
        api.send_update(progress=canned.progress(job, 3, attempt=2))
        message = await client.receive()
    assert (message["data"]["attempt"], message["data"]["step"]) == (2, 3)


async def test_progress_that_is_ahead_of_its_commit(gateway: RunningGateway, api: RecordingApi) -> None:
    """Progress of a stage that no commit contains yet marks the stages before it as done."""
    job = canned.started(api.add_job())
    api.commit(job, "attempt_started")
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await api.wait_for_streams()
        ahead = canned.progress(job, 5)
        ahead.stage = pb.STAGE_DECODE
        api.send_update(progress=ahead)
        message = await client.receive()
    stages = [(stage["stage"], stage["percent"]) for stage in message["data"]["stages"]]
    assert stages == [("prefetch", 100.0), ("denoise", 100.0), ("decode", 25.0)]


async def test_previews_go_to_their_job_alone(gateway: RunningGateway, api: RecordingApi) -> None:
    """Previews reach subscribers of the job, not subscribers of all jobs."""
    job = canned.started(api.add_job())
    api.commit(job, "attempt_started")
    async with connected(gateway.ws_url) as one, connected(gateway.ws_url) as every:
        await one.subscribe(f"job:{job.id}")
        await every.subscribe("jobs")
        await api.wait_for_streams()
        api.send_update(preview=canned.preview(job, 4))
        message = await one.receive_type("job_preview")
        assert message["data"]["image"] == "/9g="
        done = api.commit(canned.completed(job), "completed")
        assert [m["type"] for m in await every.receive_until(done.position)] == ["job_completed"]


async def test_a_client_that_comes_later_gets_the_newest_preview(
    gateway: RunningGateway, api: RecordingApi
) -> None:
    """It is read from the api if this gateway has seen none. A job that has ended has none."""
    job = canned.started(api.add_job())
    api.commit(job, "attempt_started")
    api.send_update(preview=canned.preview(job, 4))  # nobody watches yet
    async with connected(gateway.ws_url) as first:
        await first.send(type="subscribe", channel=f"job:{job.id}")
        message = await first.receive_type("job_preview")
        assert (message["data"]["step"], message["data"]["image"]) == (4, "/9g=")
        assert message["position"] == api.position
        await api.wait_for_streams()
        api.send_update(preview=canned.preview(job, 9))
        assert (await first.receive_type("job_preview"))["data"]["step"] == 9
        read = len(api.requests("WatchJob"))
        async with connected(gateway.ws_url) as later:
            await later.send(type="subscribe", channel=f"job:{job.id}")
            assert (await later.receive_type("job_preview"))["data"]["step"] == 9
        assert len(api.requests("WatchJob")) == read
        api.commit(canned.completed(job), "completed")
        await first.receive_until(api.position)
        async with connected(gateway.ws_url) as last:
            await last.subscribe(f"job:{job.id}")
            await last.settle()
            assert "job_preview" not in [message["type"] for message in last.received]


async def test_log_lines(gateway: RunningGateway, api: RecordingApi) -> None:
    """A log channel starts with the last lines; resumed after a sequence it sends each later line once."""
    job = canned.started(api.add_job())
    api.commit(job, "attempt_started")
    for sequence in range(1, 31):
        api.send_update(log=canned.line(job, sequence))
    async with connected(gateway.ws_url) as client:
        await client.send(type="subscribe", channel=f"logs:{job.id}")
        first = [(await client.receive())["data"]["sequence"] for _ in range(20)]
        await api.wait_for_streams()
        api.send_update(log=canned.line(job, 31))
        assert [*first, (await client.receive())["data"]["sequence"]] == list(range(11, 32))
    async with connected(gateway.ws_url) as client:
        await client.send(type="subscribe", channel=f"logs:{job.id}", after=25)
        received = [await client.receive() for _ in range(6)]
        api.send_update(log=canned.line(job, 32))
        received.append(await client.receive())
    assert [message["data"]["sequence"] for message in received] == list(range(26, 33))
    assert received[0]["data"]["message"] == "line 26"


async def test_counts(gateway: RunningGateway, api: RecordingApi) -> None:
    """The queue channel starts with the counts and sends them again only after a change."""
    api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.send(type="subscribe", channel="queue")
        assert (await client.receive())["data"]["queued"] == 1
        await api.wait_for_streams()
        for _ in range(5):
            api.add_job()
        message = await client.receive_type("queue_updated")
        while message["data"]["queued"] != 6:
            message = await client.receive_type("queue_updated")
        assert message["data"] == {
            "total": 6,
            "queued": 6,
            "processing": 0,
            "completed": 0,
            "failed": 0,
            "cancelled": 0,
        }
        assert len(client.received) <= 4
    assert len(api.requests("SummarizeJobs")) <= 5


async def test_all_clients_share_one_stream(gateway: RunningGateway, api: RecordingApi) -> None:
    """The api sees one stream however many clients watch."""
    job = api.add_job()
    clients = [await _enter(gateway) for _ in range(20)]
    try:
        await asyncio.gather(*(client.subscribe("jobs") for client, _ in clients))
        await api.wait_for_streams()
        done = api.commit(canned.completed(job), "completed")
        received = await asyncio.gather(*(client.receive() for client, _ in clients))
    finally:
        await asyncio.gather(*(context.__aexit__(None, None, None) for _, context in clients))
    assert {message["position"] for message in received} == {done.position}
    assert len(api.requests("WatchJobs")) == 1


async def _enter(gateway: RunningGateway):  # type: ignore[no-untyped-def]  # a client and its context
    context = connected(gateway.ws_url)
    return await context.__aenter__(), context


async def test_unsubscribe(gateway: RunningGateway, api: RecordingApi) -> None:
    """Nothing of a channel is sent after it was unsubscribed."""
    job = api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await client.send(type="unsubscribe", channel="jobs")
        await client.settle()
        await api.wait_for_streams()
        api.commit(canned.completed(job), "completed")
        assert await client.settle() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "one JSON object"),
        ("[]", "one JSON object"),
        ("5", "one JSON object"),
        ("[" * 5_000, "one JSON object"),
        ("{}", "type must be one of"),
        ('{"type": "dance"}', "type must be one of"),
        ('{"type": "subscribe"}', "channel is required"),
        ('{"type": "subscribe", "channel": "job:short"}', "channel must be jobs, queue"),
        ('{"type": "subscribe", "channel": 5}', "channel must be a valid string"),
        ('{"type": "subscribe", "channel": "jobs", "after": -1}', "after must be greater"),
        ('{"type": "subscribe", "channel": "jobs", "after": "5"}', "after must be a valid integer"),
        ('{"type": "subscribe", "channel": "jobs", "what": 1}', "what is not known"),
        ('{"type": "ping", "id": 5}', "id must be a valid string"),
    ],
)
async def test_malformed_messages(gateway: RunningGateway, text: str, words: str) -> None:
    """A malformed message is answered with an error that states what to do, and the connection stays open."""
    async with connected(gateway.ws_url) as client:
        await client.socket.send(text)
        message = await client.receive()
        assert (message["type"], message["data"]["reason"]) == ("error", "MALFORMED_MESSAGE")
        assert words in message["data"]["message"]
        assert await client.settle() == []


async def test_bytes_and_huge_messages(gateway: RunningGateway) -> None:
    """Bytes are answered with an error; a message that is too long closes the connection with 1009."""
    async with connected(gateway.ws_url) as client:
        await client.socket.send(b"\x00")
        assert (await client.receive())["data"]["reason"] == "MALFORMED_MESSAGE"
        await client.socket.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_a_job_that_is_not_there(gateway: RunningGateway) -> None:
    """Channels of an unknown job are answered with an error that names the channel."""
    async with connected(gateway.ws_url) as client:
        for channel in ("job:" + "a" * 26, "logs:" + "a" * 26):
            await client.send(type="subscribe", channel=channel)
            message = await client.receive()
            assert (message["type"], message["data"]["reason"]) == ("error", "JOB_NOT_FOUND")
            assert message["data"]["channel"] == channel


async def test_a_page_of_another_origin(gateway: RunningGateway) -> None:
    """A web page of another origin cannot open the socket; one of the gateway can."""
    with pytest.raises(InvalidStatus) as refused:
        async with connected(gateway.ws_url, Origin="https://elsewhere.example"):
            pass
    assert refused.value.response.status_code == 403
    assert b"FOREIGN_ORIGIN" in (refused.value.response.body or b"")
    async with connected(gateway.ws_url, Origin=gateway.url) as client:
        assert await client.settle() == []


async def test_a_pong_carries_the_position(gateway: RunningGateway, api: RecordingApi) -> None:
    """A pong carries the position of the message sent before it, 0 if none was, and the id of the ping."""
    api.add_job()
    async with connected(gateway.ws_url) as client:
        await client.subscribe("jobs")
        await client.send(type="ping", id="7")
        first = await client.receive()
        await api.wait_for_streams()
        await client.receive_until(api.add_job().position)
        await client.send(type="ping")
        second = await client.receive()
    assert first == {"type": "pong", "position": 0, "data": {"id": "7"}}
    assert second == {"type": "pong", "position": 2, "data": {"id": None}}
