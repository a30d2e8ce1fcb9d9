"""JobCommands jobs that are there: cancel, retry, reprioritize, prefetch; one or many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from kinolog.codec.enums import PRIORITY_FROM_WIRE, STATUS_TO_WIRE
from kinolog.command_handler import ATTEMPTS, CommandHandler, HandledCommand, JobTooBusy
from kinolog.ids import new_id
from kinolog.job import commands as c
from kinolog.ports.event_store import Conflict
from kinolog.ports.read_model import ReadModel
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.rpc.calls import Call, answered
from kinolog_api.rpc.filters import read_filter

SELECTED = 1_000
"""Jobs that a filter of a bulk command finds at most."""

AT_ONCE = 32
"""Jobs of a bulk command that are steered at the same time."""

One: TypeAlias = Callable[[str], Awaitable[HandledCommand]]


def command_id(name: str, request_id: str) -> str:
    """Id of a command: the same request has one effect, and two kinds of request never stand for each other."""
    return f"{name}:{request_id}" if request_id else new_id()


class JobCommands:
    """The commands that users give to jobs, apart from submit and erase."""

    def __init__(self, handler: CommandHandler, reading: JobQueries, read_model: ReadModel) -> None:
        self._handler = handler
        self._reading = reading
        self._read_model = read_model

    async def steer(self, call: Call, job_id: str, command: c.Command) -> HandledCommand:
        """Give the command to the caller's job; decide anew on a conflict. Raises `Refused` and NOT_FOUND."""
        for _ in range(ATTEMPTS):
            loaded = await self._reading.load(call.tenant, job_id)
            try:
                return await self._handler.handle_from(job_id, loaded, command)
            except Conflict:
                continue
        raise JobTooBusy(job_id)

    async def bulk(
        self, call: Call, selection: pb.JobSelection, method: str, one: One
    ) -> list[pb.BulkResult]:
        """Do `one` to each selected job, some at a time; an answer for each, in the order of the selection."""
        job_ids = list(selection.job_ids) or await self._found(call, selection)
        gate = asyncio.Semaphore(AT_ONCE)

        async def result(job_id: str) -> pb.BulkResult:
            async with gate:
                try:
                    handled = await one(job_id)
                except Exception as error:
                    return pb.BulkResult(job_id=job_id, error=answered(error, method).status())
            status = STATUS_TO_WIRE[handled.job.status]
            return pb.BulkResult(job_id=job_id, position=handled.position, status=status)

        distinct = list(dict.fromkeys(job_ids))
        results = dict(zip(distinct, await asyncio.gather(*map(result, distinct)), strict=True))
        return [results[job_id] for job_id in job_ids]

    async def cancel(self, request: pb.CancelJobRequest, call: Call) -> pb.CancelJobResponse:
        """CancelJob."""
        command = c.Cancel(
            id=command_id("cancel", request.request_id), actor=call.actor, reason=request.reason
        )
        handled = await self.steer(call, request.job_id, command)
        job = await self._reading.present(handled.tail)
        return pb.CancelJobResponse(job=job, position=handled.position)

    async def retry(self, request: pb.RetryJobRequest, call: Call) -> pb.RetryJobResponse:
        """RetryJob."""
        command = c.Retry(id=command_id("retry", request.request_id), actor=call.actor)
        handled = await self.steer(call, request.job_id, command)
        job = await self._reading.present(handled.tail)
        return pb.RetryJobResponse(job=job, position=handled.position)

    async def reprioritize(
        self, request: pb.ReprioritizeJobRequest, call: Call
    ) -> pb.ReprioritizeJobResponse:
        """ReprioritizeJob."""
        name = command_id("reprioritize", request.request_id)
        command = c.Reprioritize(id=name, actor=call.actor, priority=PRIORITY_FROM_WIRE[request.priority])
        handled = await self.steer(call, request.job_id, command)
        job = await self._reading.present(handled.tail)
        return pb.ReprioritizeJobResponse(job=job, position=handled.position)

    async def prefetch(self, request: pb.PrefetchJobRequest, call: Call) -> pb.PrefetchJobResponse:
        """PrefetchJob."""
        command = c.Prefetch(id=command_id("prefetch", request.request_id), actor=call.actor)
        handled = await self.steer(call, request.job_id, command)
        job = await self._reading.present(handled.tail)
        return pb.PrefetchJobResponse(job=job, position=handled.position)

    async def bulk_cancel(self, request: pb.BulkCancelJobsRequest, call: Call) -> pb.BulkCancelJobsResponse:
        """BulkCancelJobs."""

        async def one(job_id: str) -> HandledCommand:
            return await self.steer(
                call, job_id, c.Cancel(id=new_id(), actor=call.actor, reason=request.reason)
            )

        results = await self.bulk(call, request.selection, "BulkCancelJobs", one)
        return pb.BulkCancelJobsResponse(results=results, position=last_position(results))

    async def bulk_retry(self, request: pb.BulkRetryJobsRequest, call: Call) -> pb.BulkRetryJobsResponse:
        """BulkRetryJobs."""

        async def one(job_id: str) -> HandledCommand:
            return await self.steer(call, job_id, c.Retry(id=new_id(), actor=call.actor))

        results = await self.bulk(call, request.selection, "BulkRetryJobs", one)
        return pb.BulkRetryJobsResponse(results=results, position=last_position(results))

    async def bulk_reprioritize(
        self, request: pb.BulkReprioritizeJobsRequest, call: Call
    ) -> pb.BulkReprioritizeJobsResponse:
        """BulkReprioritizeJobs."""
        priority = PRIORITY_FROM_WIRE[request.priority]

        async def one(job_id: str) -> HandledCommand:
            return await self.steer(
                call, job_id, c.Reprioritize(id=new_id(), actor=call.actor, priority=priority)
            )

        results = await self.bulk(call, request.selection, "BulkReprioritizeJobs", one)
        return pb.BulkReprioritizeJobsResponse(results=results, position=last_position(results))

    async def _found(self, call: Call, selection: pb.JobSelection) -> list[str]:
        wanted = read_filter(selection.filter, "selection.filter")
        return await self._read_model.select_ids(call.tenant, wanted, SELECTED)


def last_position(results: Sequence[pb.BulkResult]) -> int:
    """Greatest position of their commits; 0 when none has one."""
    return max((result.position for result in results), default=0)
