"""Erase the key, the files and the progress of jobs permanently. Their history stays.

The event is appended first: from then on no response shows the job's prompts or files, and the read model deletes
them. The key is deleted last, and then `ErasureFinished` says so, with what was deleted: certificates state it
(decision 143). An erased job without that event was interrupted; `finish_interrupted` finds those.

Everything in the job's folder of the artifact store is deleted, whether an event names it or not, and once more after
a while: a worker that lost the job may store a file late. A file of an earlier version may belong to other jobs too.
It is deleted when the read model contains the erasure and lists it for no other job; until then it stays (decision 35).
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace

from kinolog.command_handler import CommandHandler, HandledCommand
from kinolog.ids import new_id
from kinolog.job import commands as c
from kinolog.job.commit import artifacts_ever_made
from kinolog.job.values import Artifact
from kinolog.ports.artifacts import ArtifactStore, digests_in, is_shared, job_folder
from kinolog.ports.event_store import EventStore, LoadedJob
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.ports.progress import ProgressFeed
from kinolog.ports.read_model import PositionNotReached, ReadModel, ReadModelUnavailable
from kinolog.process.logs import fields
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.alarms.write_guard import WriteGuard
from kinolog_api.jobs.archive_check import ArchiveCheck
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


ACTOR = "kinolog"
"""The actor of the commands that finish interrupted erasures."""


@dataclass(frozen=True, slots=True)
class _Data:
    """What an erased job may have left: files in the folder of its tenant, and the key with this id."""

    tenant: str
    key_id: str
    position: int
    """That of the last commit of the job."""


class EraseJob:
    """EraseJob and BulkEraseJobs."""

    def __init__(
        self,
        commands: JobCommands,
        handler: CommandHandler,
        write_guard: WriteGuard,
        archive: ArchiveCheck,
        store: EventStore,
        keys: ArchivableKeyStore,
        artifacts: ArtifactStore,
        progress: ProgressFeed,
        read_model: ReadModel,
    ) -> None:
        self._commands = commands
        self._handler = handler
        self._write_guard = write_guard
        self._archive = archive
        self._store = store
        self._keys = keys
        self._artifacts = artifacts
        self._progress = progress
        self._read_model = read_model
        self._unfinished: dict[str, _Data] = {}
        """Jobs whose erasure may be incomplete."""
        self._sweeps: list[_Sweep] = []

    async def erase(self, request: pb.EraseJobRequest, call: RpcCall) -> pb.EraseJobResponse:
        """EraseJob. A repeated call finishes an interrupted erasure."""
        command = c.Erase(
            id=command_id("erase", request.request_id),
            actor=call.actor,
            erasure_id=request.erasure_id or new_id(),
        )
        return await self._commands.respond(
            await self._erase(call, request.job_id, command), pb.EraseJobResponse
        )

    async def erase_expired(self, call: RpcCall, job_id: str, erasure_id: str) -> int:
        """Erase a job that is kept no longer. Return the position of its last commit."""
        command = c.Erase(id=new_id(), actor=call.actor, erasure_id=erasure_id)
        return (await self._erase(call, job_id, command)).position

    async def bulk_erase(self, request: pb.BulkEraseJobsRequest, call: RpcCall) -> pb.BulkEraseJobsResponse:
        """BulkEraseJobs. Its jobs are one erasure."""
        if request.dry_run:
            return pb.BulkEraseJobsResponse(remaining=await self._selected(call, request.selection))
        erasure_id = request.erasure_id or new_id()

        def erase(job_id: str) -> Awaitable[HandledCommand]:
            return self._erase(call, job_id, c.Erase(id=new_id(), actor=call.actor, erasure_id=erasure_id))

        outcome = await self._commands.apply_to_selection(
            call, request.selection, "BulkEraseJobs", erase, without_erased
        )
        return outcome.fill(pb.BulkEraseJobsResponse())

    async def _selected(self, call: RpcCall, selection: pb.JobSelection) -> int:
        """Return how many jobs a selection has, those beyond the first 1,000 of a filter too."""
        if selection.job_ids:
            return len(set(selection.job_ids))
        job_ids, remaining = await self._commands.select(call, selection, without_erased)
        return len(job_ids) + remaining

    async def finish_interrupted(self) -> None:
        """Finish interrupted erasures of this or another api. Runs until it is cancelled."""
        searched = False
        while True:
            if not searched:
                searched = await self._succeeds(self._find_interrupted())
            for job_id, data in tuple(self._unfinished.items()):
                await self._succeeds(self._finish(job_id, data, ACTOR))
            await self._sweep()
            await asyncio.sleep(RETRY_SECONDS)

    async def _succeeds(self, step: Awaitable[object]) -> bool:
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
        data = _Data(handled.job.tenant, handled.job.sealing_key_id, handled.position)
        self._unfinished[job_id] = data
        try:
            return await self._finish(job_id, data, call.actor)
        except (ReadModelUnavailable, PositionNotReached) as error:
            extra = fields("erase_undecided", job=job_id, error=type(error).__name__)
            logger.info("files of an earlier version are deleted later", extra=extra)
        return handled

    async def _finish(self, job_id: str, data: _Data, actor: str) -> HandledCommand:
        """Delete files, progress and key, in this order, and record it. Idempotent.

        Raises `PositionNotReached` or `ReadModelUnavailable` while files of an earlier version may belong to others,
        and `RpcError` or `DamagedLog` while nothing may be written to the log.
        """
        folder = job_folder(data.tenant, job_id)
        deleted = set(await self._artifacts.keys_of(folder))
        await self._artifacts.delete_all(folder)
        await self._progress.erase(job_id)
        await self._keys.erase(data.key_id)
        made = artifacts_ever_made([recorded async for recorded in self._store.history(job_id)])
        deleted |= {artifact.key for artifact in made if not is_shared(artifact.key)}
        deleted |= set(await self._delete_shared_files(job_id, made, data.position))
        command = c.FinishErasure(
            id=f"finish-erasure:{job_id}", actor=actor, files=len(deleted), sha256=digests_in(deleted)
        )
        await self._write_guard.check_command()
        handled = await self._handler.handle(job_id, command, self._load)
        self._unfinished.pop(job_id, None)
        self._schedule_sweep(job_id, data.tenant, 0)  # not with each try: a try empties the folder itself
        logger.info("job erased", extra=fields("erase", job=job_id))
        return handled

    async def _load(self, job_id: str) -> LoadedJob | None:
        """Return a job as the log has it. Raises `DamagedLog` if the archive has a later commit of it."""
        loaded = await self._store.load(job_id)
        await self._archive.check_tail(job_id, loaded.position if loaded is not None else 0)
        return loaded

    async def _delete_shared_files(self, job_id: str, made: Iterable[Artifact], position: int) -> list[str]:
        """Delete files of an earlier version that no other job lists. Return their keys.

        Raises `PositionNotReached` and deletes nothing while the read model may lack a job that lists them: it has to
        have reached `position`, that of the erasure.
        """
        keys = [artifact.key for artifact in made if is_shared(artifact.key)]
        if not keys:
            return []
        await self._read_model.wait_for(position, SHARED_FILES_SECONDS)
        in_use = await self._read_model.artifacts_in_use(keys, job_id)
        unused = [key for key in keys if key not in in_use]
        for key in unused:
            await self._artifacts.delete(key)
        return unused

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
        """Note the jobs that the end of the log erases: those that are not finished, and the folders of all."""
        last = await self._store.last_position()
        async for batch in self._store.read(max(0, last - RECOVERY_COMMITS), last):
            for recorded in batch:
                job = recorded.commit.state
                if not job.erased:
                    continue
                if job.erasure_finished:
                    self._unfinished.pop(job.id, None)
                    self._schedule_sweep(job.id, job.tenant, 0)
                else:
                    self._unfinished[job.id] = _Data(job.tenant, job.sealing_key_id, recorded.position)
            await asyncio.sleep(0)
