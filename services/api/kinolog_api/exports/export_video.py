"""ExportVideo: a finished video as a GIF, a WebP animation, an archive of PNG files or a sprite sheet.

Another process decodes the video (decision 83). Two run at a time, since each takes a processor.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from grpc import StatusCode

from kinolog.job.values import Artifact, ArtifactKind
from kinolog.ports.artifacts import ArtifactDamaged, ArtifactMissing, ArtifactStore
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.artifacts import find_artifact, unusable_artifact
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RpcError
from kinolog_export.exporter_process import (
    LONGEST_SECONDS,
    ExportFailed,
    ExportNotInstalled,
    check_installed,
    exported,
)
from kinolog_export.formats import ExportFormat

RUNNING_AT_ONCE = 2
WAITING_AT_MOST = 8
"""Exports that wait for the running ones. More are refused."""

WAIT_SECONDS = 45.0
"""How long an export waits. The gateway gives up after a minute in which nothing comes."""

RETRY_SECONDS = 10.0

_FORMATS = {
    pb.EXPORT_FORMAT_GIF: ExportFormat.GIF,
    pb.EXPORT_FORMAT_WEBP: ExportFormat.WEBP,
    pb.EXPORT_FORMAT_PNG: ExportFormat.PNG,
    pb.EXPORT_FORMAT_SPRITE_SHEET: ExportFormat.SPRITE_SHEET,
}


class ExportVideo:
    """ExportVideo. Create it inside the event loop that runs it."""

    def __init__(self, queries: JobQueries, artifacts: ArtifactStore) -> None:
        self._queries = queries
        self._artifacts = artifacts
        self._room = asyncio.Semaphore(RUNNING_AT_ONCE)
        self._waiting = 0

    async def export_video(
        self, request: pb.ExportVideoRequest, call: RpcCall
    ) -> AsyncGenerator[pb.ExportVideoResponse, None]:
        """ExportVideo: yield the media type in the first message, and the bytes in those that follow.

        A message without bytes says that the export goes on.
        """
        await self._queries.get_result(pb.GetResultRequest(job_id=request.job_id), call)  # or its refusal
        job = (await self._queries.load(call.tenant, request.job_id)).job
        artifact = find_artifact(job, ArtifactKind.VIDEO, 0)
        export_format = _FORMATS[request.format]
        try:
            check_installed()
            room = await self._enter()
            try:
                yield pb.ExportVideoResponse(media_type=export_format.media_type)
                async with aclosing(self._bytes(artifact, export_format)) as chunks:
                    async for chunk in chunks:
                        yield pb.ExportVideoResponse(data=chunk)
            finally:
                room.leave()
        except (ArtifactMissing, ArtifactDamaged) as error:
            raise unusable_artifact(job, artifact, error) from error
        except ExportNotInstalled as error:
            raise RpcError(StatusCode.UNIMPLEMENTED, "EXPORT_NOT_INSTALLED", str(error)) from error
        except ExportFailed as error:
            raise RpcError(StatusCode.INTERNAL, "EXPORT_FAILED", str(error)) from error

    def _bytes(self, artifact: Artifact, export_format: ExportFormat) -> AsyncGenerator[bytes, None]:
        video = self._artifacts.read(artifact.key, 0, artifact.size_bytes)
        return exported(video, export_format)

    async def _enter(self) -> _Room:
        """Wait for room. Raises RESOURCE_EXHAUSTED if too many wait already, or for too long."""
        if self._room.locked() and self._waiting >= WAITING_AT_MOST:
            raise _busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._room.acquire()
        except TimeoutError:
            raise _busy() from None
        finally:
            self._waiting -= 1
        return _Room(self._room)


class _Room:
    """Room for one export, until it is left or its longest time is over: a client that reads no more keeps none."""

    def __init__(self, taken: asyncio.Semaphore) -> None:
        self._taken: asyncio.Semaphore | None = taken
        self._limit = asyncio.get_running_loop().call_later(LONGEST_SECONDS, self.leave)

    def leave(self) -> None:
        """Make room for another export. Leaving twice is no error."""
        self._limit.cancel()
        if self._taken is not None:
            self._taken.release()
            self._taken = None


def _busy() -> RpcError:
    message = "too many exports are being made; try again in a moment"
    return RpcError(StatusCode.RESOURCE_EXHAUSTED, "EXPORTS_BUSY", message, retry_seconds=RETRY_SECONDS)
