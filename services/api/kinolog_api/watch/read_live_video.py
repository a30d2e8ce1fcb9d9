"""ReadLiveVideo: the frames of a running attempt as a video that grows, from any byte of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from grpc import StatusCode

from kinolog.counts import counted
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.artifacts import job_folder
from kinolog.ports.live_video.parts import LiveVideos
from kinolog.privacy.live_video_parts import LiveVideoSealer, content_bytes
from kinolog.privacy.sealer import Sealer
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.artifacts import MAX_CHUNK_BYTES
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RpcError, job_erased
from kinolog_api.watch.broadcast import WatchBroadcast
from kinolog_api.watch.encoded_messages import ProgressKind
from kinolog_api.watch.watcher import Watcher, WatchFilter

LOOK_SECONDS = 1.0
"""Interval at which a reader looks for more if nothing tells it to. Progress and commits of the job tell it earlier."""

SIGN_SECONDS = 10.0
"""Interval at which a reader is told that more follows, while nothing does."""

MEDIA_TYPE = "video/mp4"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to read: a number of a part, and a byte of its content."""

    number: int
    byte: int


class ReadLiveVideo:
    """ReadLiveVideo.

    A reader watches the job before it looks, so it misses no change. Whatever it is told of, it looks at the log and at
    the store again.
    """

    def __init__(self, queries: JobQueries, broadcast: WatchBroadcast, videos: LiveVideos) -> None:
        self._queries = queries
        self._broadcast = broadcast
        self._videos = videos

    async def read_live_video(
        self, request: pb.ReadLiveVideoRequest, call: RpcCall
    ) -> AsyncGenerator[pb.ReadLiveVideoResponse, None]:
        """ReadLiveVideo. Ends with the video; an attempt that ends before raises `RpcError`."""
        watched = WatchFilter(
            tenant=call.tenant, job_id=request.job_id, kinds=frozenset({ProgressKind.PROGRESS})
        )
        watcher = await self._broadcast.attach(watched)
        watcher.start_heartbeat(LOOK_SECONDS)
        try:
            job, sizes = await self._begun(request, call, watcher)
            place = _place_of(sizes, request.offset)
            live_video = pb.LiveVideo(
                attempt=job.attempt,
                media_type=MEDIA_TYPE,
                available_bytes=sum(map(content_bytes, sizes)),
                complete=_is_complete(sizes),
            )
            yield pb.ReadLiveVideoResponse(live_video=live_video)
            async for data in self._content(job, place, call, watcher):
                yield pb.ReadLiveVideoResponse(data=data)
        finally:
            watcher.stop_heartbeat()
            self._broadcast.detach(watcher)

    async def _begun(
        self, request: pb.ReadLiveVideoRequest, call: RpcCall, watcher: Watcher
    ) -> tuple[Job, Sequence[int]]:
        """Return the job and the sizes of its parts, as soon as there are any. Raises `RpcError`."""
        deadline = time.monotonic() + request.wait_seconds
        while True:
            job = (await self._queries.load(call.tenant, request.job_id)).job
            _check_attempt(job, request.attempt)
            if request.attempt and not _has_live_video(job):
                raise _attempt_ended(job)
            sizes = await self._videos.sizes(job_folder(job.tenant, job.id), job.attempt)
            if sizes and _has_live_video(job):
                return job, sizes
            if job.status.terminal:
                raise _no_live_video(job)
            left = deadline - time.monotonic()
            if left <= 0:
                raise _not_begun(job)
            try:
                async with asyncio.timeout(left):
                    await watcher.take()
            except TimeoutError:
                continue

    async def _content(
        self, job: Job, place: _Place, call: RpcCall, watcher: Watcher
    ) -> AsyncGenerator[bytes, None]:
        """Yield the content from a place on. Nothing, from time to time, is a sign that more follows."""
        key = await self._queries.key_of(job)
        sealer = LiveVideoSealer(Sealer(job.id, key), job.attempt)
        folder = job_folder(job.tenant, job.id)
        number, begin, sent_at = place.number, place.byte, time.monotonic()
        is_last_look = False
        while True:
            sealed = await self._videos.read(folder, job.attempt, number)
            if sealed is None:
                if is_last_look:
                    raise _no_live_video(job)
                if time.monotonic() - sent_at >= SIGN_SECONDS:
                    sent_at = time.monotonic()
                    yield b""
                await watcher.take()
                current = (await self._queries.load(call.tenant, job.id)).job
                _check_attempt(current, job.attempt)
                if not _has_live_video(current):
                    raise _attempt_ended(current)
                is_last_look = current.status.terminal
                continue
            content = sealer.unseal(sealed, number)
            if not content:
                return
            number, is_last_look = number + 1, False
            for first in range(begin, len(content), MAX_CHUNK_BYTES):
                yield content[first : first + MAX_CHUNK_BYTES]
            begin, sent_at = 0, time.monotonic()


def _has_live_video(job: Job) -> bool:
    """Return whether the current attempt of a job may have a live video: it runs, or it has completed the job."""
    return job.status in (Status.PROCESSING, Status.COMPLETED)


def _check_attempt(job: Job, attempt: int) -> None:
    """Raise `RpcError` if a job has no data any more, or another attempt than one that is read. 0 is any."""
    if job.erased:
        raise job_erased(job.id)
    if attempt not in (0, job.attempt):
        raise _attempt_ended(job)


def _is_complete(sizes: Sequence[int]) -> bool:
    return content_bytes(sizes[-1]) == 0


def _place_of(sizes: Sequence[int], offset: int) -> _Place:
    """Return where byte `offset` is, or will be. Raises OUT_OF_RANGE for one that no reader has come to yet."""
    left = offset
    for number, size in enumerate(sizes):
        content = content_bytes(size)
        if left < content:
            return _Place(number, left)
        left -= content
    if left:
        available = offset - left
        message = f"offset: {offset} is after the end of what is drawn so far, {counted(available, 'byte')}"
        metadata = {"size_bytes": str(available)}
        raise RpcError(StatusCode.OUT_OF_RANGE, "OFFSET_AHEAD", message, metadata=metadata)
    return _Place(len(sizes) - _is_complete(sizes), 0)


def _not_begun(job: Job) -> RpcError:
    message = (
        f"nothing of job {job.id}, which is {job.status}, can be played: no frame is decoded yet; try again"
    )
    metadata = {"job_id": job.id, "status": job.status.value}
    return RpcError(
        StatusCode.FAILED_PRECONDITION, "LIVE_VIDEO_NOT_BEGUN", message, metadata=metadata, retry_seconds=1.0
    )


def _attempt_ended(job: Job) -> RpcError:
    """Return the error of a reader whose attempt has ended."""
    if job.status.terminal:
        return _no_live_video(job)
    message = (
        f"the attempt of job {job.id} that this live video shows has ended; read that of the next one from its first "
        "byte, without naming an attempt"
    )
    metadata = {"job_id": job.id, "attempt": str(job.attempt)}
    return RpcError(StatusCode.ABORTED, "LIVE_VIDEO_CHANGED", message, metadata=metadata)


def _no_live_video(job: Job) -> RpcError:
    hint = "; read its video" if job.status is Status.COMPLETED else ""
    message = f"job {job.id}, which is {job.status}, has no live video any more{hint}"
    metadata = {"job_id": job.id, "status": job.status.value}
    return RpcError(StatusCode.NOT_FOUND, "NO_LIVE_VIDEO", message, metadata=metadata)
