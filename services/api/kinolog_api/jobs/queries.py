"""Reading single jobs from the log: never stale, and only the caller's own."""

from __future__ import annotations

import asyncio
import contextlib

from grpc import StatusCode

from kinolog.codec.enums import LEVEL_FROM_WIRE
from kinolog.codec.progress import log_line_to_proto
from kinolog.codec.public_job import public_job
from kinolog.codec.times import time_to_proto
from kinolog.codec.values import artifact_to_proto, media_to_proto
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.event_store import EventStore, LoadedJob, LogUnavailable
from kinolog.ports.keys import KeyStore
from kinolog.ports.progress import LogLevel, Progress, ProgressFeed
from kinolog.ports.read_model import ReadModel, ReadModelUnavailable
from kinolog.privacy.sealed_fields import unseal_job
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.sealed_log_lines import read_out
from kinolog_api.rpc.calls import Call
from kinolog_api.rpc.errors import RpcError, job_erased, job_not_found

LINES = 20
"""Log lines that are answered when the request does not say."""

LARGEST = 2**63 - 1
"""No position or sequence is larger."""


class JobQueries:
    """GetJob, GetStoryboard, GetResult and ListLogEntries."""

    def __init__(
        self, store: EventStore, keys: KeyStore, progress: ProgressFeed, read_model: ReadModel
    ) -> None:
        self._store = store
        self._keys = keys
        self._progress = progress
        self._read_model = read_model

    async def load(self, tenant: str, job_id: str) -> LoadedJob:
        """The job. Raises NOT_FOUND for another tenant's as for none."""
        loaded = await self._store.load(job_id)
        if loaded is None or loaded.job.tenant != tenant:
            raise job_not_found(job_id)
        return loaded

    async def present(self, loaded: LoadedJob) -> job_pb2.Job:
        """The job for clients, opened and with its live progress and place in the queue."""
        job = loaded.job
        key, progress, place = await asyncio.gather(
            self._keys.get(job.sealing_key_id), self._last_progress(job), self._queue_position(job)
        )
        wire = public_job(job, loaded.position, unseal_job(job, key), progress)
        if place is not None:
            wire.queue_position = place
        return wire

    async def get_job(self, request: pb.GetJobRequest, call: Call) -> pb.GetJobResponse:
        """GetJob."""
        loaded = await self.load(call.tenant, request.job_id)
        return pb.GetJobResponse(job=await self.present(loaded))

    async def get_storyboard(self, request: pb.GetStoryboardRequest, call: Call) -> pb.GetStoryboardResponse:
        """GetStoryboard."""
        loaded = await self.load(call.tenant, request.job_id)
        key = await self._keys.get(loaded.job.sealing_key_id)
        wire = public_job(loaded.job, loaded.position, unseal_job(loaded.job, key))
        spec = loaded.job.spec
        return pb.GetStoryboardResponse(scenes=wire.scenes, duration_seconds=spec.frames / spec.fps)

    async def get_result(self, request: pb.GetResultRequest, call: Call) -> pb.GetResultResponse:
        """GetResult: FAILED_PRECONDITION until the job is completed."""
        job = (await self.load(call.tenant, request.job_id)).job
        if job.erased:
            raise job_erased(job.id)
        if job.status is not Status.COMPLETED or job.media is None or job.finished_at is None:
            message = f"job {job.id} is {job.status}; it has a result once it is completed"
            facts = {"job_id": job.id, "status": job.status.value}
            raise RpcError(StatusCode.FAILED_PRECONDITION, "JOB_NOT_COMPLETED", message, metadata=facts)
        wire = pb.GetResultResponse(
            artifacts=map(artifact_to_proto, job.artifacts),
            media=media_to_proto(job.media),
            gpu_seconds=job.gpu_seconds,
        )
        time_to_proto(wire.completed_at, job.finished_at)
        return wire

    async def list_log_entries(
        self, request: pb.ListLogEntriesRequest, call: Call
    ) -> pb.ListLogEntriesResponse:
        """ListLogEntries."""
        await self.load(call.tenant, request.job_id)
        lines = await self._read_model.list_log_entries(
            request.job_id,
            limit=request.page_size or LINES,
            after_sequence=min(request.after_sequence, LARGEST),
            min_level=LEVEL_FROM_WIRE.get(request.min_level, LogLevel.DEBUG),
        )
        return pb.ListLogEntriesResponse(entries=map(log_line_to_proto, await read_out(lines, self._keys)))

    async def _last_progress(self, job: Job) -> Progress | None:
        """Weather is a comfort: a job is answered without it when the feed does not."""
        if job.status is not Status.PROCESSING:
            return None
        with contextlib.suppress(LogUnavailable):
            return await self._progress.last_progress(job.id, job.attempt)
        return None

    async def _queue_position(self, job: Job) -> int | None:
        """So is the place in the queue."""
        if job.status is not Status.QUEUED:
            return None
        with contextlib.suppress(ReadModelUnavailable):
            return await self._read_model.queue_position(job.id)
        return None
