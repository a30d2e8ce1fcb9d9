"""Erasing a job for good: its key, its files and its weather. Its history without them stays.

The event comes first: from then on nobody shows the job's prompts or files, and the read model forgets them. The key
goes last, so that a key that is still there says that an erasure was cut short; `finish_interrupted` looks for such.
"""

from __future__ import annotations

import asyncio
import logging

from kinolog.command_handler import HandledCommand
from kinolog.ids import new_id
from kinolog.job import commands as c
from kinolog.ports.artifacts import ArtifactStore
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.ports.progress import ProgressFeed
from kinolog.ports.read_model import ReadModel
from kinolog.process.logs import fields
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.audit.checks import files_ever
from kinolog_api.jobs.commands import JobCommands, command_id, last_position
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.rpc.calls import Call

log = logging.getLogger(__name__)

LOOKED_BACK = 10_000
"""Commits at the end of the log among which a starting api looks for erasures that were cut short."""

PAUSE_SECONDS = 15.0
"""Before an erasure that failed is tried again."""


class EraseJob:
    """EraseJob and BulkEraseJobs."""

    def __init__(
        self,
        steering: JobCommands,
        reading: JobQueries,
        store: EventStore,
        keys: KeyStore,
        artifacts: ArtifactStore,
        progress: ProgressFeed,
        read_model: ReadModel,
    ) -> None:
        self._steering = steering
        self._reading = reading
        self._store = store
        self._keys = keys
        self._artifacts = artifacts
        self._progress = progress
        self._read_model = read_model
        self._unfinished: dict[str, str] = {}
        """Jobs whose erasure is not known to be complete, each with the id of its key."""

    async def erase(self, request: pb.EraseJobRequest, call: Call) -> pb.EraseJobResponse:
        """EraseJob. Erasing again finishes what an earlier call left undone."""
        command = c.Erase(id=command_id("erase", request.request_id), actor=call.actor)
        handled = await self._erase_one(call, request.job_id, command)
        job = await self._reading.present(handled.tail)
        return pb.EraseJobResponse(job=job, position=handled.position)

    async def bulk_erase(self, request: pb.BulkEraseJobsRequest, call: Call) -> pb.BulkEraseJobsResponse:
        """BulkEraseJobs."""

        async def one(job_id: str) -> HandledCommand:
            return await self._erase_one(call, job_id, c.Erase(id=new_id(), actor=call.actor))

        results = await self._steering.bulk(call, request.selection, "BulkEraseJobs", one)
        return pb.BulkEraseJobsResponse(results=results, position=last_position(results))

    async def finish_interrupted(self) -> None:
        """Finish what this or another api left undone. Runs until it is cancelled."""
        looked = False
        while True:
            try:
                if not looked:
                    await self._look_back()
                    looked = True
                for job_id, key_id in tuple(self._unfinished.items()):
                    await self._wipe(job_id, key_id)
            except Exception as error:
                extra = fields("erase_unfinished", error=type(error).__name__, jobs=len(self._unfinished))
                log.warning("erasing is not finished; trying on", extra=extra)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _erase_one(self, call: Call, job_id: str, command: c.Erase) -> HandledCommand:
        handled = await self._steering.steer(call, job_id, command)
        key_id = self._unfinished[job_id] = handled.job.sealing_key_id
        await self._wipe(job_id, key_id)
        return handled

    async def _wipe(self, job_id: str, key_id: str) -> None:
        """Files, weather, key; in this order. Doing it again has no effect."""
        keys = await self._artifact_keys(job_id)
        if keys:
            shared = await self._read_model.artifacts_in_use(keys, job_id)
            for key in keys:
                if key not in shared:
                    await self._artifacts.delete(key)
        await self._progress.erase(job_id)
        await self._keys.erase(key_id)
        self._unfinished.pop(job_id, None)
        log.info("job erased", extra=fields("erase", job=job_id))

    async def _artifact_keys(self, job_id: str) -> list[str]:
        """Keys of all files that the job ever made, scenes of earlier attempts too."""
        history = [recorded async for recorded in self._store.history(job_id)]
        return [artifact.key for artifact in files_ever(history)]

    async def _look_back(self) -> None:
        last = await self._store.last_position()
        async for batch in self._store.read(max(0, last - LOOKED_BACK), last):
            states = [recorded.commit.state for recorded in batch]
            erased = {job.sealing_key_id: job.id for job in states if job.erased}
            kept = await self._keys.get_many(sorted(erased)) if erased else {}
            self._unfinished |= {erased[key_id]: key_id for key_id in kept}
            await asyncio.sleep(0)
