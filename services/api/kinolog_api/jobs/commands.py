"""Commands of clients to existing jobs, for one job or for many."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias, TypeVar

from kinolog.codec.enums import PRIORITY_FROM_PROTO, STATUS_TO_PROTO
from kinolog.command_handler import CommandHandler, HandledCommand
from kinolog.ids import new_id
from kinolog.job import commands as c
from kinolog.job.checkpoint import StoredCheckpoint
from kinolog.job.cost import job_cost
from kinolog.job.state import Job
from kinolog.job.values import Priority
from kinolog.ports.artifacts import ArtifactStore, ArtifactsUnavailable
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import AppendConflict, LoadedJob
from kinolog.ports.keys import KeyStore
from kinolog.ports.read_model import JobFilter, ReadModel
from kinolog.privacy.sealed_fields import CANCEL_REASON
from kinolog.privacy.sealer import Sealer
from kinolog.process.logs import fields
from kinolog.texts import blank_as_empty
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.alarms.write_guard import WriteGuard
from kinolog_api.jobs.archive_check import ArchiveCheck
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.limits.job_limits import JobLimits
from kinolog_api.limits.queue_limits import QueueLimits
from kinolog_api.rpc.call_origin import command_origin, origin_address
from kinolog_api.rpc.calls import RpcCall, error_response
from kinolog_api.rpc.filters import parse_filter

logger = logging.getLogger(__name__)

MAX_SELECTED_JOBS = 1_000
"""Maximum number of jobs that the filter of a bulk command selects."""

CONCURRENT_COMMANDS = 32
"""Commands of one bulk call that run at the same time."""

ApplyCommand: TypeAlias = Callable[[str], Awaitable[HandledCommand]]
"""Applies a command to the job with this id."""

NarrowFilter: TypeAlias = Callable[[JobFilter], JobFilter | None]
"""Leaves out jobs that a command does not change. A repeated call would select them again, and none after them.

None if no job is left.
"""

CommandResponse = TypeVar(
    "CommandResponse",
    pb.CancelJobResponse,
    pb.RetryJobResponse,
    pb.ReprioritizeJobResponse,
    pb.PrefetchJobResponse,
    pb.PauseJobResponse,
    pb.ResumeJobResponse,
    pb.EraseJobResponse,
)


BulkResponse = TypeVar(
    "BulkResponse",
    pb.BulkCancelJobsResponse,
    pb.BulkRetryJobsResponse,
    pb.BulkReprioritizeJobsResponse,
    pb.BulkPauseJobsResponse,
    pb.BulkResumeJobsResponse,
    pb.BulkEraseJobsResponse,
)


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """A result per selected job. `remaining` further jobs matched the filter and were not selected."""

    results: Sequence[pb.BulkResult]
    remaining: int

    def fill(self, response: BulkResponse) -> BulkResponse:
        """Return the response with the results, the greatest position of their commits, and the remaining jobs."""
        response.results.extend(self.results)
        response.position = max((result.position for result in self.results), default=0)
        response.remaining = self.remaining
        return response


def command_id(name: str, request_id: str) -> str:
    """Return the id of a command. A repeated request gets the same id; requests of two kinds never share one."""
    return f"{name}:{request_id}" if request_id else new_id()


class JobCommands:
    """CancelJob, RetryJob, ReprioritizeJob, PauseJob and ResumeJob, for one job and for many, and PrefetchJob."""

    def __init__(
        self,
        handler: CommandHandler,
        queries: JobQueries,
        keys: KeyStore,
        read_model: ReadModel,
        write_guard: WriteGuard,
        archive: ArchiveCheck,
        limits: JobLimits,
        queue_limits: QueueLimits,
        artifacts: ArtifactStore,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._artifacts = artifacts
        self._limits = limits
        self._queue_limits = queue_limits
        self._archive = archive
        self._handler = handler
        self._keys = keys
        self._queries = queries
        self._read_model = read_model
        self._write_guard = write_guard

    async def apply(self, call: RpcCall, job_id: str, command: c.ClientCommand) -> HandledCommand:
        """Apply a command to a job of the caller.

        Raises `Refused`, NOT_FOUND for another tenant's job, DATA_LOSS if the log has lost commits of the job, and the
        error of an alarm that refuses writes, and for a retry that of a full queue or a used budget.
        """
        if not isinstance(command, c.Retry):
            return await self._apply(call, job_id, command)
        await self._write_guard.check_new_job()
        if not self._queue_limits.limits(call.tenant):
            return await self._apply(call, job_id, command)
        job = (await self._queries.load(call.tenant, job_id)).job
        if not job.status.terminal or command.id in job.applied_commands:
            return await self._apply(call, job_id, command)
        with await self._queue_limits.place_of_retry(call.tenant, job_id, job_cost(job.spec)) as places:
            handled = await self._apply(call, job_id, command)
            places.keep(job_id, handled.position)
        return handled

    async def _apply(self, call: RpcCall, job_id: str, command: c.ClientCommand) -> HandledCommand:
        await self._write_guard.check_command()
        checkpoint: StoredCheckpoint | None = None

        async def load(job_id: str) -> LoadedJob:
            nonlocal checkpoint
            loaded = await self._queries.load(call.tenant, job_id)
            await self._archive.check_tail(job_id, loaded.position)
            checkpoint = loaded.job.checkpoint
            return loaded

        loaded = await load(job_id)
        command = replace(command, origin=await self._origin(call, loaded.job))
        try:
            handled = await self._handler.handle_from(job_id, loaded, command)
        except AppendConflict:
            handled = await self._handler.handle(job_id, command, load)
        if checkpoint is not None and handled.job.status.terminal:  # a queued job, which no worker ends
            try:
                await self._artifacts.delete(checkpoint.key)
            except ArtifactsUnavailable as error:
                logger.warning("the checkpoint of a cancelled job stays until it is swept: %s", error)
        return handled

    async def _origin(self, call: RpcCall, job: Job) -> c.CommandOrigin:
        """Return where a command comes from, without its address if the key of the job is erased or unreadable."""
        key = None
        if not job.erased and origin_address(call.origin).address:
            key = (await self._keys.get_many([job.sealing_key_id])).get(job.sealing_key_id)
        return command_origin(call.key_id, call.origin, Sealer(job.id, key) if key is not None else None)

    async def respond(self, handled: HandledCommand, response: type[CommandResponse]) -> CommandResponse:
        """Return the response to a command: the job after it, and the position of its commit."""
        job = await self._queries.present(handled.tail)
        return response(job=job, position=handled.position)

    async def apply_to_selection(
        self,
        call: RpcCall,
        selection: pb.JobSelection,
        method: str,
        apply: ApplyCommand,
        narrow: NarrowFilter = lambda job_filter: job_filter,
    ) -> BulkOutcome:
        """Apply a command to each selected job. The results are in the order of the selection."""
        job_ids, remaining = list(selection.job_ids), 0
        if not job_ids:
            job_ids, remaining = await self.select(call, selection, narrow)
        semaphore = asyncio.Semaphore(CONCURRENT_COMMANDS)

        async def result(job_id: str) -> pb.BulkResult:
            async with semaphore:
                try:
                    handled = await apply(job_id)
                except Exception as error:
                    return pb.BulkResult(job_id=job_id, error=error_response(error, method).status())
            status = STATUS_TO_PROTO[handled.job.status]
            return pb.BulkResult(job_id=job_id, position=handled.position, status=status)

        distinct = list(dict.fromkeys(job_ids))
        results = dict(zip(distinct, await asyncio.gather(*map(result, distinct)), strict=True))
        return BulkOutcome([results[job_id] for job_id in job_ids], remaining)

    async def cancel(self, request: pb.CancelJobRequest, call: RpcCall) -> pb.CancelJobResponse:
        """CancelJob."""
        handled = await self._cancel(
            call, request.job_id, command_id("cancel", request.request_id), request.reason
        )
        return await self.respond(handled, pb.CancelJobResponse)

    async def retry(self, request: pb.RetryJobRequest, call: RpcCall) -> pb.RetryJobResponse:
        """RetryJob."""
        command = c.Retry(id=command_id("retry", request.request_id), actor=call.actor)
        return await self.respond(await self.apply(call, request.job_id, command), pb.RetryJobResponse)

    async def reprioritize(
        self, request: pb.ReprioritizeJobRequest, call: RpcCall
    ) -> pb.ReprioritizeJobResponse:
        """ReprioritizeJob."""
        self._limits.check_priority(call.tenant, PRIORITY_FROM_PROTO[request.priority])
        command = c.Reprioritize(
            id=command_id("reprioritize", request.request_id),
            actor=call.actor,
            priority=PRIORITY_FROM_PROTO[request.priority],
        )
        return await self.respond(await self.apply(call, request.job_id, command), pb.ReprioritizeJobResponse)

    async def pause(self, request: pb.PauseJobRequest, call: RpcCall) -> pb.PauseJobResponse:
        """PauseJob."""
        command = c.Pause(id=command_id("pause", request.request_id), actor=call.actor)
        return await self.respond(await self.apply(call, request.job_id, command), pb.PauseJobResponse)

    async def resume(self, request: pb.ResumeJobRequest, call: RpcCall) -> pb.ResumeJobResponse:
        """ResumeJob."""
        command = c.Resume(id=command_id("resume", request.request_id), actor=call.actor)
        return await self.respond(await self.apply(call, request.job_id, command), pb.ResumeJobResponse)

    async def prefetch(self, request: pb.PrefetchJobRequest, call: RpcCall) -> pb.PrefetchJobResponse:
        """PrefetchJob."""
        command = c.Prefetch(id=command_id("prefetch", request.request_id), actor=call.actor)
        return await self.respond(await self.apply(call, request.job_id, command), pb.PrefetchJobResponse)

    async def bulk_cancel(
        self, request: pb.BulkCancelJobsRequest, call: RpcCall
    ) -> pb.BulkCancelJobsResponse:
        """BulkCancelJobs."""

        def cancel(job_id: str) -> Awaitable[HandledCommand]:
            return self._cancel(call, job_id, new_id(), request.reason)

        outcome = await self.apply_to_selection(call, request.selection, "BulkCancelJobs", cancel)
        return outcome.fill(pb.BulkCancelJobsResponse())

    async def bulk_retry(self, request: pb.BulkRetryJobsRequest, call: RpcCall) -> pb.BulkRetryJobsResponse:
        """BulkRetryJobs."""

        def retry(job_id: str) -> Awaitable[HandledCommand]:
            return self.apply(call, job_id, c.Retry(id=new_id(), actor=call.actor))

        outcome = await self.apply_to_selection(
            call, request.selection, "BulkRetryJobs", retry, without_erased
        )
        return outcome.fill(pb.BulkRetryJobsResponse())

    async def bulk_reprioritize(
        self, request: pb.BulkReprioritizeJobsRequest, call: RpcCall
    ) -> pb.BulkReprioritizeJobsResponse:
        """BulkReprioritizeJobs."""
        priority = PRIORITY_FROM_PROTO[request.priority]
        self._limits.check_priority(call.tenant, priority)

        def reprioritize(job_id: str) -> Awaitable[HandledCommand]:
            return self.apply(call, job_id, c.Reprioritize(id=new_id(), actor=call.actor, priority=priority))

        def narrow(job_filter: JobFilter) -> JobFilter | None:
            return _of_other_priorities(job_filter, priority)

        outcome = await self.apply_to_selection(
            call, request.selection, "BulkReprioritizeJobs", reprioritize, narrow
        )
        return outcome.fill(pb.BulkReprioritizeJobsResponse())

    async def bulk_pause(self, request: pb.BulkPauseJobsRequest, call: RpcCall) -> pb.BulkPauseJobsResponse:
        """BulkPauseJobs."""

        def pause(job_id: str) -> Awaitable[HandledCommand]:
            return self.apply(call, job_id, c.Pause(id=new_id(), actor=call.actor))

        outcome = await self.apply_to_selection(
            call, request.selection, "BulkPauseJobs", pause, partial(replace, paused=False)
        )
        return outcome.fill(pb.BulkPauseJobsResponse())

    async def bulk_resume(
        self, request: pb.BulkResumeJobsRequest, call: RpcCall
    ) -> pb.BulkResumeJobsResponse:
        """BulkResumeJobs."""

        def resume(job_id: str) -> Awaitable[HandledCommand]:
            return self.apply(call, job_id, c.Resume(id=new_id(), actor=call.actor))

        outcome = await self.apply_to_selection(
            call, request.selection, "BulkResumeJobs", resume, partial(replace, paused=True)
        )
        return outcome.fill(pb.BulkResumeJobsResponse())

    async def _cancel(self, call: RpcCall, job_id: str, command: str, reason: str) -> HandledCommand:
        """Cancel a job, its reason sealed. Without the job's key, missing or unreadable, the reason is left out."""
        sealed = None
        if text := blank_as_empty(reason):
            job = (await self._queries.load(call.tenant, job_id)).job
            key = (await self._keys.get_many([job.sealing_key_id])).get(job.sealing_key_id)
            if key is not None:
                sealed = Sealer(job.id, key).seal(text, CANCEL_REASON)
            elif not job.erased:
                extra = fields("key_missing", job=job_id)
                logger.error(
                    "a job is cancelled without its reason: its key is missing or cannot be read", extra=extra
                )
        return await self.apply(call, job_id, c.Cancel(id=command, actor=call.actor, reason=sealed))

    async def select(
        self, call: RpcCall, selection: pb.JobSelection, narrow: NarrowFilter
    ) -> tuple[list[str], int]:
        """Return the ids of the first jobs that match the filter, and the number of the further ones."""
        job_filter = narrow(parse_filter(selection.filter, "selection.filter", self._clock()))
        if job_filter is None:
            return [], 0
        job_ids = await self._read_model.select_ids(call.tenant, job_filter, MAX_SELECTED_JOBS)
        if len(job_ids) < MAX_SELECTED_JOBS:
            return job_ids, 0
        matching = await self._read_model.summarize(call.tenant, job_filter)
        return job_ids, max(0, matching.total - len(job_ids))


def without_erased(job_filter: JobFilter) -> JobFilter:
    """Leave out erased jobs."""
    return replace(job_filter, erased=False)


def _of_other_priorities(job_filter: JobFilter, priority: Priority) -> JobFilter | None:
    others = tuple(each for each in job_filter.priorities or Priority if each is not priority)
    return replace(job_filter, priorities=others) if others else None
