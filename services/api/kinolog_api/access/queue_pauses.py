"""PauseQueue, ResumeQueue and ListQueuePauses: operators stop the starts of jobs, for all or for one priority."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from grpc import StatusCode

from kinolog.access.access_log import AccessLog
from kinolog.access.queue_pause import WHOLE_QUEUE, QueueFact, QueuePause, QueuePaused, QueueResumed, pause_id
from kinolog.codec.enums import PRIORITY_FROM_PROTO, PRIORITY_TO_PROTO
from kinolog.codec.times import time_to_proto
from kinolog.job.values import Priority
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import AppendConflict
from kinolog.process.logs import fields
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.api_keys.fact_log import TRIES, FactLog
from kinolog_api.api_keys.key_directory import KeyDirectory
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RpcError

logger = logging.getLogger(__name__)


class ManageQueuePauses:
    """Pauses concern all tenants, so only an operator makes and ends them. Every tenant sees them."""

    def __init__(self, log: AccessLog, directory: KeyDirectory, clock: Clock) -> None:
        self._facts = FactLog(log, directory, clock)
        self._directory = directory

    async def pause(self, request: pb.PauseQueueRequest, call: RpcCall) -> pb.PauseQueueResponse:
        """PauseQueue. A pause that stands gets the new reason."""
        _check_operator(call)
        await self._directory.load()
        priority = _priority(request.priority)
        reason = " ".join(request.reason.split())
        last = self._directory.queue_pauses.last(priority)
        if last is None or last.paused_at is None or last.reason != reason:
            await self._append(priority, "pause_queue", QueuePaused(reason=reason), call)
        return pb.PauseQueueResponse(pauses=self._shown(call))

    async def resume(self, request: pb.ResumeQueueRequest, call: RpcCall) -> pb.ResumeQueueResponse:
        """ResumeQueue. Without a priority all pauses end."""
        _check_operator(call)
        await self._directory.load()  # another api may have stored a pause a moment ago
        chosen = _priority(request.priority)
        for standing in self._directory.queue_pauses.standing():
            if chosen in (WHOLE_QUEUE, standing.priority):
                await self._append(standing.priority, "resume_queue", QueueResumed(), call)
        return pb.ResumeQueueResponse(pauses=self._shown(call))

    async def list_pauses(
        self, request: pb.ListQueuePausesRequest, call: RpcCall
    ) -> pb.ListQueuePausesResponse:
        """ListQueuePauses."""
        return pb.ListQueuePausesResponse(pauses=self._shown(call))

    async def _append(self, priority: str, command: str, fact: QueueFact, call: RpcCall) -> None:
        for remaining in reversed(range(TRIES)):
            last = self._directory.queue_pauses.last(priority)
            try:
                await self._facts.append(pause_id(priority), command, fact, call.actor, last)
                break
            except AppendConflict:
                if not remaining:
                    raise
                await self._directory.load()
        logger.warning(
            command, extra=fields(command, lane=pause_id(priority), actor=call.actor, **call.origin)
        )

    def _shown(self, call: RpcCall) -> Iterable[pb.QueuePause]:
        standing = self._directory.queue_pauses.standing()
        return [_pause_to_proto(pause, with_actor=call.sees_load) for pause in standing]


def _priority(number: int) -> str:
    """Return the priority of a request, or the mark of the whole queue."""
    return PRIORITY_FROM_PROTO[number].value if number else WHOLE_QUEUE


def _check_operator(call: RpcCall) -> None:
    if not call.sees_load:
        message = (
            "the queue is that of all tenants: pause it with a key of every tenant, on behalf of none; "
            "to hold jobs of your own, pause them one by one"
        )
        raise RpcError(StatusCode.PERMISSION_DENIED, "OPERATORS_ONLY", message)


def _pause_to_proto(pause: QueuePause, *, with_actor: bool) -> pb.QueuePause:
    """Return a pause that stands. Only operators learn who made it."""
    wire = pb.QueuePause(reason=pause.reason, paused_by=pause.paused_by if with_actor else "")
    if pause.priority:
        wire.priority = PRIORITY_TO_PROTO[Priority(pause.priority)]
    if pause.paused_at is not None:
        time_to_proto(wire.paused_at, pause.paused_at)
    return wire
