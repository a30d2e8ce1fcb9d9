"""GetQueueAt: the queue and the fleet at a time or position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from kinolog.codec.enums import PRIORITY_TO_PROTO
from kinolog.codec.times import time_to_proto
from kinolog.job.values import Priority, Status
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore
from kinolog.ports.read_model import ReadModel
from kinolog.ports.search.event_search import JobSpell
from kinolog.scheduling.queue_order import jobs_before
from kinolog.v1 import audit_service_pb2 as pb
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.positions import require_position_in_log
from kinolog_api.rpc.validation import parse_time

DEFAULT_LIMIT = 100
MAX_QUEUED_JOBS = 10_000
"""Queued jobs whose places are computed; those further back have none."""
MAX_WAIT_SECONDS = 10.0


class QueueAt:
    """GetQueueAt."""

    def __init__(self, store: EventStore, read_model: ReadModel, clock: Clock) -> None:
        self._store = store
        self._read_model = read_model
        self._clock = clock

    async def get_queue_at(self, request: pb.GetQueueAtRequest, call: RpcCall) -> pb.GetQueueAtResponse:
        """GetQueueAt. Raises OUT_OF_RANGE for a position that the log has not reached."""
        position = await self._position(request, call)
        limit = request.limit or DEFAULT_LIMIT
        queued = await self._read_model.spells_at(call.tenant, position, Status.QUEUED, MAX_QUEUED_JOBS)
        running = await self._read_model.spells_at(call.tenant, position, Status.PROCESSING, limit)
        answer = pb.GetQueueAtResponse(
            position=position, queued_total=queued.total, running_total=running.total
        )
        if queued.at is not None:
            time_to_proto(answer.at, queued.at)
        places = _places(queued.spells, self._moment(request, queued.at))
        ordered = sorted(queued.spells, key=lambda one: places.get(one.job_id, MAX_QUEUED_JOBS + one.paused))
        for spell in ordered[:limit]:
            _fill(answer.queued.add(), spell, places.get(spell.job_id))
        for spell in running.spells:
            _fill(answer.running.add(), spell, None)
        return answer

    def _moment(self, request: pb.GetQueueAtRequest, last_commit_at: datetime | None) -> datetime | None:
        """Return when the jobs are compared with the times that they wait for. A position is as old as its commit."""
        match request.WhichOneof("as_of"):
            case "time":
                return min(parse_time(request.time, "time"), self._clock())
            case "position":
                return last_commit_at
            case _:
                return self._clock()

    async def _position(self, request: pb.GetQueueAtRequest, call: RpcCall) -> int:
        match request.WhichOneof("as_of"):
            case "time":
                return await self._read_model.position_at(call.tenant, parse_time(request.time, "time"))
            case "position":
                if await self._read_model.position() < request.position:
                    await require_position_in_log(self._store, request.position, "position")
                    await self._read_model.wait_for(request.position, call.seconds_left(MAX_WAIT_SECONDS))
                return request.position
            case _:
                return await self._read_model.position()


def _places(spells: Sequence[JobSpell], now: datetime | None) -> dict[str, int]:
    """Return how many jobs start before each one that waits for a worker, in the order of `queue_positions`.

    A job that was queued by its commit, and not for a later time, waits for a worker, however clocks differ.
    """
    waiting = [one for one in spells if not one.paused and one.queued_at <= max(one.since, now or one.since)]
    lanes = Counter((one.model_class, one.priority) for one in waiting)
    earlier: Counter[tuple[str, Priority]] = Counter()
    places = {}
    for one in waiting:
        lane = (one.model_class, one.priority)
        others = {
            priority: jobs
            for (model_class, priority), jobs in lanes.items()
            if model_class == one.model_class
        }
        places[one.job_id] = jobs_before(one.priority, earlier[lane], others)
        earlier[lane] += 1
    return places


def _fill(wire: pb.JobPlace, spell: JobSpell, before: int | None) -> None:
    wire.job_id, wire.model, wire.worker = spell.job_id, spell.model, spell.worker
    wire.priority = PRIORITY_TO_PROTO[spell.priority]
    wire.paused, wire.attempt, wire.since_position = spell.paused, spell.attempt, spell.first_position
    if before is not None:
        wire.jobs_before = before
    time_to_proto(wire.queued_at, spell.queued_at)
    time_to_proto(wire.since, spell.since)
