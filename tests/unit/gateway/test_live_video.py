"""The video of a job while it is rendered: what there is, what follows, ranges, and other attempts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import httpx
import pytest
from kinolog_gateway.routes.live_video.growing_file import WITHOUT_END

from tests.fixtures.waits import WAIT_SECONDS
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordedLiveVideo, RecordingApi, Refusal
from tests.unit.gateway.test_bad_input import problem_of

DRAWN = bytes(range(100))
LIVE = f"bytes=40-{WITHOUT_END}"
CHANGED = Refusal(grpc.StatusCode.ABORTED, "LIVE_VIDEO_CHANGED", "another attempt")


@pytest.fixture
def job_id(api: RecordingApi) -> str:
    """A job that is rendered, of which 100 bytes can be played."""
    job = canned.started(api.add_job())
    api.live_videos[job.id] = RecordedLiveVideo(DRAWN)
    return api.commit(job, "attempt_started").id


async def _next(chunks: AsyncIterator[bytes], size: int) -> bytes:
    """Read so many bytes of a response that goes on."""
    data = b""
    async with asyncio.timeout(WAIT_SECONDS):
        while len(data) < size:
            data += await anext(chunks)
    return data


@pytest.mark.parametrize(
    ("headers", "status", "first", "content_range"),
    [
        ({}, 200, 0, None),
        ({"Range": "bytes=0-"}, 200, 0, None),
        ({"Range": LIVE}, 206, 40, f"bytes 40-{WITHOUT_END}/*"),
        ({"Range": LIVE, "If-Match": '"live-1"'}, 206, 40, f"bytes 40-{WITHOUT_END}/*"),
        ({"Range": LIVE, "If-Range": '"live-1"'}, 206, 40, f"bytes 40-{WITHOUT_END}/*"),
        ({"Range": LIVE, "If-Range": '"live-7"'}, 200, 0, None),
        ({"Range": LIVE, "If-Range": '"other"'}, 200, 0, None),
    ],
)
async def test_it_goes_on_until_the_end(
    gateway: RunningGateway,
    api: RecordingApi,
    job_id: str,
    headers: dict[str, str],
    status: int,
    first: int,
    content_range: str | None,
) -> None:
    """What there is comes at once, and the rest as it is drawn. Its length is not known."""
    path = f"/api/v1/result/{job_id}/stream"
    async with gateway.client.stream("GET", path, headers=headers) as response:
        assert response.status_code == status
        assert response.headers.get("content-range") == content_range
        assert "content-length" not in response.headers
        assert (response.headers["etag"], response.headers["content-type"]) == ('"live-1"', "video/mp4")
        assert response.headers["accept-ranges"] == "bytes"
        chunks = response.aiter_raw()
        assert await _next(chunks, 100 - first) == DRAWN[first:]
        await api.live_videos[job_id].add(b"more")
        assert await _next(chunks, 4) == b"more"
        await api.live_videos[job_id].add(b"end", is_complete=True)
        assert b"".join([chunk async for chunk in chunks]) == b"end"


@pytest.mark.parametrize(
    ("byte_range", "first", "end", "shown"),
    [
        ("bytes=40-", 40, 100, "bytes 40-99/"),
        ("bytes=40-49", 40, 50, "bytes 40-49/"),
        ("bytes=0-999", 0, 100, "bytes 0-99/"),
    ],
)
async def test_a_range_that_ends(
    gateway: RunningGateway, api: RecordingApi, job_id: str, byte_range: str, first: int, end: int, shown: str
) -> None:
    """It is as long as what there is. The size of the whole is told once it is known."""
    path, headers = f"/api/v1/result/{job_id}/stream", {"Range": byte_range}
    for is_complete in (False, True):
        api.live_videos[job_id].is_complete = is_complete
        response = await gateway.client.get(path, headers=headers)
        assert (response.status_code, response.content) == (206, DRAWN[first:end])
        assert response.headers["content-range"] == shown + ("100" if is_complete else "*")
        head = await gateway.client.head(path, headers=headers)
        assert (head.status_code, head.headers["content-length"]) == (206, str(end - first))


async def test_one_that_is_complete_has_a_length(
    gateway: RunningGateway, api: RecordingApi, job_id: str
) -> None:
    """So has its rest."""
    await api.live_videos[job_id].add(is_complete=True)
    path = f"/api/v1/result/{job_id}/stream"
    whole, rest = await gateway.client.get(path), await gateway.client.get(path, headers={"Range": LIVE})
    assert (whole.content, whole.headers["content-length"]) == (DRAWN, "100")
    assert (rest.content, rest.headers["content-range"]) == (DRAWN[40:], "bytes 40-99/100")


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({"If-Match": '"live-7"'}, 412, "LIVE_VIDEO_CHANGED"),
        ({"If-Match": '"other"', "Range": LIVE}, 412, "LIVE_VIDEO_CHANGED"),
        ({"Range": "bytes=100-"}, 416, "RANGE_NOT_SATISFIABLE"),
        ({"Range": f"bytes=101-{WITHOUT_END}"}, 416, "OFFSET_AHEAD"),
    ],
)
async def test_what_there_is_not(
    gateway: RunningGateway, job_id: str, headers: dict[str, str], status: int, reason: str
) -> None:
    """Bytes of another attempt, and such as are not drawn yet."""
    response = await gateway.client.get(f"/api/v1/result/{job_id}/stream", headers=headers)
    assert problem_of(response, status)["reason"] == reason


async def test_a_client_that_comes_back_at_the_end(
    gateway: RunningGateway, api: RecordingApi, job_id: str
) -> None:
    """It learns that it has all of it. Before that it waits for the rest."""
    path, headers = f"/api/v1/result/{job_id}/stream", {"Range": f"bytes=100-{WITHOUT_END}"}
    async with gateway.client.stream("GET", path, headers=headers) as response:
        await api.live_videos[job_id].add(b"end", is_complete=True)
        assert (response.status_code, await response.aread()) == (206, b"end")
    headers["Range"] = f"bytes=103-{WITHOUT_END}"
    response = await gateway.client.get(path, headers=headers)
    assert problem_of(response, 416)["reason"] == "RANGE_NOT_SATISFIABLE"
    assert response.headers["content-range"] == "bytes */103"


async def test_an_attempt_that_ends(gateway: RunningGateway, api: RecordingApi, job_id: str) -> None:
    """The response breaks off, so that no client takes it for the whole."""
    async with gateway.client.stream("GET", f"/api/v1/result/{job_id}/stream") as response:
        chunks = response.aiter_raw()
        assert await _next(chunks, 100) == DRAWN
        await api.live_videos[job_id].add(ended_by=CHANGED)
        with pytest.raises(httpx.RemoteProtocolError):
            await _next(chunks, 1)


async def test_the_end_of_the_gateway(gateway: RunningGateway, job_id: str) -> None:
    """It waits for no video: the response breaks off, and the client goes on when the gateway is back."""
    async with gateway.client.stream("GET", f"/api/v1/result/{job_id}/stream") as response:
        chunks = response.aiter_raw()
        assert await _next(chunks, 100) == DRAWN
        await gateway.server._end_long_requests()
        with pytest.raises(httpx.RemoteProtocolError):
            await _next(chunks, 1)


async def test_a_request_that_begins_as_the_gateway_stops(gateway: RunningGateway, job_id: str) -> None:
    """It is told so at once: nothing is sent that would have to be waited for."""
    await gateway.server._end_long_requests()
    response = await gateway.client.get(f"/api/v1/result/{job_id}/stream")
    assert problem_of(response, 503)["reason"] == "GATEWAY_STOPS"


async def test_a_job_of_which_nothing_is_drawn(gateway: RunningGateway, api: RecordingApi) -> None:
    """It is refused, after the time that the client waits."""
    job = api.add_job()
    response = await gateway.client.get(f"/api/v1/result/{job.id}/stream?wait_seconds=20")
    assert problem_of(response, 409)["reason"] == "LIVE_VIDEO_NOT_BEGUN"
    assert [request.wait_seconds for request in api.requests("ReadLiveVideo")] == [20]
    response = await gateway.client.get(f"/api/v1/result/{job.id}/stream?wait_seconds=31")
    assert problem_of(response, 400)["violations"][0]["field"] == "wait_seconds"
