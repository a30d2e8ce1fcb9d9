"""Reads of single jobs, from the log: never stale, and only jobs of the caller's tenant."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from kinolog.codec.enums import LEVEL_FROM_PROTO
from kinolog.codec.progress import log_line_to_proto
from kinolog.codec.public_job import UnsealedFields, public_job
from kinolog.codec.times import time_to_proto
from kinolog.codec.values import artifact_to_proto, media_to_proto
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.alarms import LOG_DAMAGED, Alarms, is_raised
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import DamagedLog, EventStore, LoadedJob, LogUnavailable
from kinolog.ports.keys import KeyMissing, KeyStore
from kinolog.ports.progress import LogLevel, Progress, ProgressFeed
from kinolog.ports.read_model import ReadModel, ReadModelUnavailable
from kinolog.privacy.sealed_fields import unseal_job
from kinolog.process.logs import fields
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.audit.job_owners import JobOwners
from kinolog_api.jobs.archive_check import ArchiveCheck
from kinolog_api.jobs.sealed_progress import unseal_log_lines
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import job_erased, job_not_completed, job_not_found
from kinolog_api.rpc.positions import MAX_POSITION

logger = logging.getLogger(__name__)

DEFAULT_LOG_LINES = 20
"""Log lines in a response to a request without a page size."""


class JobQueries:
    """GetJob, GetStoryboard, GetResult and ListLogEntries."""

    def __init__(
        self,
        store: EventStore,
        keys: KeyStore,
        progress: ProgressFeed,
        read_model: ReadModel,
        archive: ArchiveCheck,
        alarms: Alarms,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._archive = archive
        self._alarms = alarms
        self._store = store
        self._keys = keys
        self._progress = progress
        self._read_model = read_model
        self._owners = JobOwners(read_model)

    async def load(self, tenant: str, job_id: str) -> LoadedJob:
        """Return a job of the tenant. Raises NOT_FOUND for an unknown job and for another tenant's.

        Raises `DamagedLog` if the log has lost the job, or, once it is known to be damaged, later commits of it.
        """
        try:
            loaded = await self._store.load(job_id)
        except DamagedLog as damage:
            raise await self._owners.error_for(tenant, job_id, damage) from None
        if loaded is None:
            await self._archive.check_lost(tenant, job_id)
        if loaded is None or loaded.job.tenant != tenant:
            raise job_not_found(job_id)
        if await is_raised(self._alarms, LOG_DAMAGED):
            await self._archive.check_tail(job_id, loaded.position)
        return loaded

    async def present(self, loaded: LoadedJob) -> job_pb2.Job:
        """Return a job for clients: unsealed, with its live progress and its position in the queue."""
        job = loaded.job
        unsealed, progress, queue_position = await asyncio.gather(
            self._unsealed_if_possible(job), self._last_progress(job), self._queue_position(job)
        )
        wire = public_job(job, loaded.position, unsealed, progress)
        if queue_position is not None:
            wire.queue_position = queue_position
        return wire

    async def get_job(self, request: pb.GetJobRequest, call: RpcCall) -> pb.GetJobResponse:
        """GetJob."""
        loaded = await self.load(call.tenant, request.job_id)
        return pb.GetJobResponse(job=await self.present(loaded))

    async def get_storyboard(
        self, request: pb.GetStoryboardRequest, call: RpcCall
    ) -> pb.GetStoryboardResponse:
        """GetStoryboard."""
        loaded = await self.load(call.tenant, request.job_id)
        wire = public_job(loaded.job, loaded.position, await self._unsealed(loaded.job))
        spec = loaded.job.spec
        return pb.GetStoryboardResponse(scenes=wire.scenes, duration_seconds=spec.frames / spec.fps)

    async def get_result(self, request: pb.GetResultRequest, call: RpcCall) -> pb.GetResultResponse:
        """GetResult. Raises FAILED_PRECONDITION until the job is completed."""
        job = (await self.load(call.tenant, request.job_id)).job
        if job.erased:
            raise job_erased(job.id)
        if job.status is not Status.COMPLETED or job.media is None or job.finished_at is None:
            raise job_not_completed(job.id, job.status, "it has a result once it is completed")
        wire = pb.GetResultResponse(
            artifacts=map(artifact_to_proto, job.artifacts),
            media=media_to_proto(job.media),
            gpu_seconds=job.gpu_seconds,
        )
        time_to_proto(wire.completed_at, job.finished_at)
        return wire

    async def list_log_entries(
        self, request: pb.ListLogEntriesRequest, call: RpcCall
    ) -> pb.ListLogEntriesResponse:
        """ListLogEntries."""
        await self.load(call.tenant, request.job_id)
        lines = await self._read_model.list_log_entries(
            call.tenant,
            request.job_id,
            limit=request.page_size or DEFAULT_LOG_LINES,
            after_sequence=min(request.after_sequence, MAX_POSITION),
            min_level=LEVEL_FROM_PROTO.get(request.min_level, LogLevel.DEBUG),
        )
        unsealed = await unseal_log_lines(lines, self._keys)
        return pb.ListLogEntriesResponse(entries=map(log_line_to_proto, unsealed))

    async def _unsealed_if_possible(self, job: Job) -> UnsealedFields:
        """Return the personal data of a job; empty if its key is missing, since its state is known all the same."""
        try:
            return await self._unsealed(job)
        except KeyMissing as missing:
            logger.error(
                "a job is shown without its texts: %s", missing, extra=fields("key_missing", job=job.id)
            )
            return UnsealedFields()

    async def key_of(self, job: Job) -> bytes | None:
        """Return the key of a job; None if it is erased, since it was loaded too. Raises `KeyMissing`."""
        key = None if job.erased else await self._keys.get(job.sealing_key_id)
        if key is None and not job.erased:
            current = await self._store.load(job.id)
            if current is not None and not current.job.erased:
                raise KeyMissing(job.id, job.sealing_key_id)
        return key

    async def _unsealed(self, job: Job) -> UnsealedFields:
        """Return the personal data of a job; empty if it is erased. Raises `KeyMissing`."""
        return unseal_job(job, await self.key_of(job))

    async def _last_progress(self, job: Job) -> Progress | None:
        """Return the latest progress of a running job, or of one that ended without saying how far it was.

        Progress is optional: None if the feed does not answer.
        """
        unsaid = job.status in (Status.FAILED, Status.CANCELLED) and job.attempt and not job.last_percent
        if job.status is not Status.PROCESSING and not unsaid:
            return None
        with contextlib.suppress(LogUnavailable):
            return await self._progress.last_progress(job.id, job.attempt)
        return None

    async def _queue_position(self, job: Job) -> int | None:
        """Return the queue position of a queued job. It is optional: None if the read model does not answer."""
        if job.status is not Status.QUEUED:
            return None
        with contextlib.suppress(ReadModelUnavailable):
            return (await self._read_model.queue_positions(job.tenant, [job.id], self._clock())).get(job.id)
        return None
