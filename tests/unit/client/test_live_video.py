"""The live video of a job: read while it grows, and resumed over lost connections."""

from __future__ import annotations

import pytest

from kinolog_client import Conflict, GatewayError, NotFound
from kinolog_client.errors import GatewayUnreachable, ServiceUnavailable
from kinolog_client.http.live_transfer import LAST_BYTE, MOST_BREAKS, LiveTransfer
from kinolog_client.http.retry import RetryPolicy
from tests.fixtures.unreliable_network import UnreliableNetwork
from tests.unit.client.either_client import EitherClient
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordedLiveVideo, RecordingApi
from tests.unit.gateway.test_live_video import CHANGED

HEAD = {"etag": '"live-2"', "content-type": "video/mp4"}


def _drawn(api: RecordingApi, data: bytes) -> str:
    """A job that is rendered, with so much to play."""
    job = api.commit(canned.started(api.add_job()), "attempt_started")
    api.live_videos[job.id] = RecordedLiveVideo(data)
    return job.id


async def test_it_is_read_to_its_end(client: EitherClient, api: RecordingApi) -> None:
    """What comes later is part of it. The gateway waits for the first frames."""
    job_id = _drawn(api, b"one")
    received = b""
    async for chunk in client.each("live_video", job_id):
        received += chunk
        if received == b"one":
            await api.live_videos[job_id].add(b"two")
        elif received == b"onetwo":
            await api.live_videos[job_id].add(is_complete=True)
    assert received == b"onetwo"
    assert [request.wait_seconds for request in api.requests("ReadLiveVideo")] == [20]


async def test_a_lost_connection_is_resumed(
    distant: EitherClient, network: UnreliableNetwork, api: RecordingApi
) -> None:
    """Where it broke off, of the same attempt."""
    content = bytes(range(256)) * 1_000
    job_id = _drawn(api, content)
    api.live_videos[job_id].is_complete = True
    network.cuts = [100_000, 100_000]
    assert b"".join(await distant.items("live_video", job_id)) == content
    requests = api.requests("ReadLiveVideo")
    assert [request.attempt for request in requests] == [0, 1, 1]
    assert requests[0].offset < requests[1].offset < requests[2].offset


async def test_what_cannot_be_read(client: EitherClient, api: RecordingApi) -> None:
    """A job that has ended has none. Bytes of another attempt are not appended."""
    ended = api.commit(canned.completed(api.add_job(), canned.artifact()), "completed")
    with pytest.raises(NotFound):
        await client.items("live_video", ended.id)
    job_id = _drawn(api, b"one")
    shown = api.live_videos[job_id]
    shown.ended_by, shown.followed_by = CHANGED, RecordedLiveVideo(b"again", attempt=2)
    with pytest.raises(Conflict) as conflict:
        await client.items("live_video", job_id)
    assert conflict.value.reason == "LIVE_VIDEO_CHANGED"


def test_what_is_requested_next() -> None:
    """All of it, and then what follows, without an end. At the end nothing is left."""
    transfer = LiveTransfer("http://x", "a" * 26, RetryPolicy())
    assert "Range" not in transfer.headers()
    transfer.on_answer(200, HEAD)
    transfer.on_chunk(b"1234")
    following = transfer.headers()
    assert (following["Range"], following["If-Match"]) == (f"bytes=4-{LAST_BYTE}", HEAD["etag"])
    transfer.on_answer(206, HEAD | {"content-range": f"bytes 4-{LAST_BYTE}/*"})
    assert not transfer.is_at_end(416, {"content-range": "bytes */9"})
    assert transfer.is_at_end(416, {"content-range": "bytes */4"})


def test_what_is_waited_for() -> None:
    """The first frames, however long, and a gateway that restarts, for a while."""
    transfer = LiveTransfer("http://x", "a" * 26, RetryPolicy())
    early = Conflict(409, {"reason": "LIVE_VIDEO_NOT_BEGUN"})
    assert [transfer.pause_after(early) for _ in range(100)] == [1.0] * 100
    transfer.on_answer(200, HEAD)
    transfer.on_chunk(b"1234")
    away: GatewayError = GatewayUnreachable("http://x", "refused")
    pauses = [transfer.pause_after(away) for _ in range(MOST_BREAKS)]
    assert all(pauses)
    assert transfer.pause_after(ServiceUnavailable(503, {})) is None
    transfer.on_answer(206, HEAD | {"content-range": f"bytes 4-{LAST_BYTE}/*"})
    assert transfer.pause_after(ServiceUnavailable(503, {})) == pauses[0]
    assert transfer.pause_after(NotFound(404, {})) is None
