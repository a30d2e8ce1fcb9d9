"""Erase the key, the files and the progress of jobs permanently. Their history stays.

The event is appended first: from then on no response shows the job's prompts or files, and the read model deletes
them. The key is deleted last, so that an existing key marks an interrupted erasure; `finish_interrupted` finds those.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

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
from kinolog_api.audit.checks import artifacts_ever_made
from kinolog_api.jobs.commands import JobCommands, command_id, max_position
from kinolog_api.rpc.calls import RpcCall

logger = logging.getLogger(__name__)

RECOVERY_COMMITS = 10_000
"""Commits at the end of the log that a starting api searches for interrupted erasures."""

RETRY_SECONDS = 15.0
"""Pause before a failed erasure is tried again."""


class EraseJob:
    """EraseJob and BulkEraseJobs."""

    def __init__(
        self,
        commands: JobCommands,
        store: EventStore,
        keys: KeyStore,
        artifacts: ArtifactStore,
        progress: ProgressFeed,
        read_model: ReadModel,
    ) -> None:
        self._commands = commands
        self._store = store
        self._keys = keys
        self._artifacts = artifacts
        self._progress = progress
        self._read_model = read_model
        self._unfinished: dict[str, str] = {}
        """Jobs whose erasure may be incomplete, each with the id of its key."""

    async def erase(self, request: pb.EraseJobRequest, call: RpcCall) -> pb.EraseJobResponse:
        """EraseJob. A repeated call finishes an interrupted erasure."""
        command = c.Erase(id=command_id("erase", request.request_id), actor=call.actor)
        return await self._commands.respond(
            await self._erase(call, request.job_id, command), pb.EraseJobResponse
        )

    async def bulk_erase(self, request: pb.BulkEraseJobsRequest, call: RpcCall) -> pb.BulkEraseJobsResponse:
        """BulkEraseJobs."""

        def erase(job_id: str) -> Awaitable[HandledCommand]:
            return self._erase(call, job_id, c.Erase(id=new_id(), actor=call.actor))

        results = await self._commands.apply_to_selection(call, request.selection, "BulkEraseJobs", erase)
        return pb.BulkEraseJobsResponse(results=results, position=max_position(results))

    async def finish_interrupted(self) -> None:
        """Finish interrupted erasures of this or another api. Runs until it is cancelled."""
        searched = False
        while True:
            try:
                if not searched:
                    await self._find_interrupted()
                    searched = True
                for job_id, key_id in tuple(self._unfinished.items()):
                    await self._delete_data(job_id, key_id)
            except Exception as error:
                extra = fields("erase_unfinished", error=type(error).__name__, jobs=len(self._unfinished))
                logger.warning("an erasure is not finished; retrying", extra=extra)
            await asyncio.sleep(RETRY_SECONDS)

    async def _erase(self, call: RpcCall, job_id: str, command: c.Erase) -> HandledCommand:
        handled = await self._commands.apply(call, job_id, command)
        key_id = self._unfinished[job_id] = handled.job.sealing_key_id
        await self._delete_data(job_id, key_id)
        return handled

    async def _delete_data(self, job_id: str, key_id: str) -> None:
        """Delete files, progress and key, in this order. Idempotent."""
        artifact_keys = await self._artifact_keys(job_id)
        if artifact_keys:
            shared = await self._read_model.artifacts_in_use(artifact_keys, job_id)
            for artifact_key in artifact_keys:
                if artifact_key not in shared:
                    await self._artifacts.delete(artifact_key)
        await self._progress.erase(job_id)
        await self._keys.erase(key_id)
        self._unfinished.pop(job_id, None)
        logger.info("job erased", extra=fields("erase", job=job_id))

    async def _artifact_keys(self, job_id: str) -> list[str]:
        """Return the artifact keys of all files that the job ever made, scenes of earlier attempts included."""
        history = [recorded async for recorded in self._store.history(job_id)]
        return [artifact.key for artifact in artifacts_ever_made(history)]

    async def _find_interrupted(self) -> None:
        """Add erased jobs at the end of the log whose key still exists to the unfinished ones."""
        last = await self._store.last_position()
        async for batch in self._store.read(max(0, last - RECOVERY_COMMITS), last):
            states = [recorded.commit.state for recorded in batch]
            erased = {job.sealing_key_id: job.id for job in states if job.erased}
            remaining = await self._keys.get_many(sorted(erased)) if erased else {}
            self._unfinished |= {erased[key_id]: key_id for key_id in remaining}
            await asyncio.sleep(0)
