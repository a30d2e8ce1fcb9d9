"""What the recording api streams of live videos."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
from kinolog_gateway.enum_names import TERMINAL

from kinolog.v1 import job_service_pb2 as jobs
from tests.unit.gateway.recording_api import RecordingApi, Refusal


async def read_live_video(
    api: RecordingApi, request: jobs.ReadLiveVideoRequest
) -> AsyncIterator[jobs.ReadLiveVideoResponse]:
    """Yield what there is from the offset on, and then what a test adds. Raises Refusal like the real api."""
    shown = api.live_videos.get(request.job_id)
    if shown is None and api.get(request.job_id).status in TERMINAL:
        raise Refusal(grpc.StatusCode.NOT_FOUND, "NO_LIVE_VIDEO", "the job has no live video any more")
    if shown is None:
        raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "LIVE_VIDEO_NOT_BEGUN", "not yet")
    if request.attempt not in (0, shown.attempt):
        raise Refusal(grpc.StatusCode.ABORTED, "LIVE_VIDEO_CHANGED", "another attempt")
    if request.offset > len(shown.data):
        raise Refusal(grpc.StatusCode.OUT_OF_RANGE, "OFFSET_AHEAD", "not drawn yet")
    described = jobs.LiveVideo(
        attempt=shown.attempt,
        media_type="video/mp4",
        available_bytes=len(shown.data),
        complete=shown.is_complete,
    )
    yield jobs.ReadLiveVideoResponse(live_video=described)
    sent = request.offset
    while True:
        if data := shown.data[sent:]:
            sent += len(data)
            yield jobs.ReadLiveVideoResponse(data=data)
        elif shown.ended_by is not None:
            if shown.followed_by is not None:
                api.live_videos[request.job_id] = shown.followed_by
            raise shown.ended_by
        elif shown.is_complete:
            return
        else:
            yield jobs.ReadLiveVideoResponse()  # a sign that more follows
            async with shown.changed:
                while len(shown.data) == sent and not shown.is_complete and shown.ended_by is None:
                    await shown.changed.wait()
