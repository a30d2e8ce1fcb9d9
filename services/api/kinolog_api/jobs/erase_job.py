"""Erase the key, the files and the progress of jobs permanently. Their history stays.

The event is appended first: from then on no response shows the job's prompts or files, and the read model deletes
them. The key is deleted last, so that an existing key marks an interrupted erasure; `finish_interrupted` finds those.

Everything in the job's folder of the artifact store is deleted, whether an event names it or not, and once more after
a while: a worker that lost the job may store a file late. A file of an earlier version may belong to other jobs too.
It is deleted when the read model contains the erasure and lists it for no other job; until then it stays (decision 35).
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, replace

from kinolog.command_handler import HandledCommand
from kinolog.ids import new_id
from kinolog.job import commands as c
from kinolog.ports.artifacts import ArtifactStore, is_shared, job_folder
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.ports.progress import ProgressFeed
from kinolog.ports.read_model import PositionNotReached, ReadModel, ReadModelUnavailable
from kinolog.process.logs import fields
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.audit.checks import artifacts_ever_made
from kinolog_api.jobs.commands import JobCommands, command_id, without_erased
from kinolog_api.rpc.calls import RpcCall

logger = logging.getLogger(__name__)

RECOVERY_COMMITS = 10_000
"""Commits at the end of the log that a starting api searches for interrupted erasures."""

RETRY_SECONDS = 15.0
"""Pause before a failed erasure is tried again."""

SWEEP_SECONDS = (60.0, 600.0, 3_600.0)
"""How long after an erasure its folder is emptied again. A worker that lost the job stores nothing later than that."""

SHARED_FILES_SECONDS = 2.0
"""How long an erasure waits for the read model before it leaves files of an earlier version to a later try."""


@dataclass(frozen=True, slots=True, order=True)
class _Sweep:
    """The folder of an erased job is emptied again at `due`, a time of the event loop."""

    due: float
    job_id: str
    tenant: str
    round: int


@dataclass(frozen=True, slots=True)
class _Data:
    """What an erased job may have left: files in the folder of its tenant, and the key with this id."""

    tenant: str
    key_id: str


class EraseJob:
    """EraseJob and BulkEraseJobs."""

    def __init__(
        self,
        commands: JobCommands,
        store: EventStore,
        keys: ArchivableKeyStore,
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
        self._unfinished: dict[str, _Data] = {}
        """Jobs whose erasure may be incomplete."""
        self._undecided: dict[str, int] = {}
        """Erased jobs with files of an earlier version that may have to be deleted, each with its last position."""
        self._sweeps: list[_Sweep] = []

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

        outcome = await self._commands.apply_to_selection(
            call, request.selection, "BulkEraseJobs", erase, without_erased
        )
        return outcome.fill(pb.BulkEraseJobsResponse())

    async def finish_interrupted(self) -> None:
        """Finish interrupted erasures of this or another api. Runs until it is cancelled."""
        searched = False
        while True:
            if not searched:
                searched = await self._succeeds(self._find_interrupted())
            for job_id, data in tuple(self._unfinished.items()):
                await self._succeeds(self._delete_data(job_id, data))
            for job_id, position in tuple(self._undecided.items()):
                await self._succeeds(self._delete_shared_files(job_id, position))
            await self._sweep()
            await asyncio.sleep(RETRY_SECONDS)

    async def _succeeds(self, step: Awaitable[None]) -> bool:
        """Return whether a step raises nothing. A step that fails is tried again later, and others go on."""
        try:
            await step
        except Exception as error:
            extra = fields("erase_unfinished", error=type(error).__name__, jobs=len(self._unfinished))
            logger.warning("an erasure is not finished; retrying", extra=extra)
            return False
        return True

    async def _erase(self, call: RpcCall, job_id: str, command: c.Erase) -> HandledCommand:
        handled = await self._commands.apply(call, job_id, command)
        data = self._unfinished[job_id] = _Data(handled.job.tenant, handled.job.sealing_key_id)
        self._undecided[job_id] = handled.position
        await self._delete_data(job_id, data)
        try:
            await self._delete_shared_files(job_id, handled.position)
        except (ReadModelUnavailable, PositionNotReached) as error:
            extra = fields("erase_undecided", job=job_id, error=type(error).__name__)
            logger.info("files of an earlier version are deleted later", extra=extra)
        return handled

    async def _delete_data(self, job_id: str, data: _Data) -> None:
        """Delete files, progress and key, in this order. Idempotent."""
        await self._artifacts.delete_all(job_folder(data.tenant, job_id))
        await self._progress.erase(job_id)
        await self._keys.erase(data.key_id)
        self._unfinished.pop(job_id, None)
        self._schedule_sweep(job_id, data.tenant, 0)
        logger.info("job erased", extra=fields("erase", job=job_id))

    async def _delete_shared_files(self, job_id: str, position: int) -> None:
        """Delete files of an earlier version that no other job lists. `position` is that of the erasure.

        Raises `PositionNotReached` and deletes nothing while the read model may lack a job that lists them.
        """
        history = [recorded async for recorded in self._store.history(job_id)]
        keys = [artifact.key for artifact in artifacts_ever_made(history) if is_shared(artifact.key)]
        if keys:
            await self._read_model.wait_for(position, SHARED_FILES_SECONDS)
            in_use = await self._read_model.artifacts_in_use(keys, job_id)
            for key in keys:
                if key not in in_use:
                    await self._artifacts.delete(key)
        self._undecided.pop(job_id, None)

    def _schedule_sweep(self, job_id: str, tenant: str, number: int) -> None:
        if number < len(SWEEP_SECONDS):
            due = asyncio.get_running_loop().time() + SWEEP_SECONDS[number]
            heapq.heappush(self._sweeps, _Sweep(due, job_id, tenant, number))

    async def _sweep(self) -> None:
        """Empty the folders of jobs that were erased a while ago: a file may have been stored since.

        A folder that cannot be emptied is tried again later, and delays no other.
        """
        now = asyncio.get_running_loop().time()
        while self._sweeps and self._sweeps[0].due <= now:
            sweep = heapq.heappop(self._sweeps)
            if await self._succeeds(self._empty_folder(sweep)):
                self._schedule_sweep(sweep.job_id, sweep.tenant, sweep.round + 1)
            else:
                heapq.heappush(self._sweeps, replace(sweep, due=now + RETRY_SECONDS))

    async def _empty_folder(self, sweep: _Sweep) -> None:
        if deleted := await self._artifacts.delete_all(job_folder(sweep.tenant, sweep.job_id)):
            extra = fields("erase_late_files", job=sweep.job_id, files=deleted)
            logger.warning("a worker stored files of an erased job; they are deleted", extra=extra)

    async def _find_interrupted(self) -> None:
        """Note the jobs that the end of the log erases: those whose key still exists, and the files of all."""
        last = await self._store.last_position()
        async for batch in self._store.read(max(0, last - RECOVERY_COMMITS), last):
            erased = {r.commit.job_id: r for r in batch if r.commit.state.erased}
            key_ids = {r.commit.state.sealing_key_id: r.commit.state for r in erased.values()}
            remaining = (
                await self._keys.get_wrapped(sorted(key_ids)) if key_ids else {}
            )  # also unreadable ones
            for key_id in remaining:
                state = key_ids[key_id]
                self._unfinished[state.id] = _Data(state.tenant, key_id)
            for job_id, recorded in erased.items():
                self._undecided[job_id] = recorded.position
                self._schedule_sweep(job_id, recorded.commit.state.tenant, 0)
            await asyncio.sleep(0)
