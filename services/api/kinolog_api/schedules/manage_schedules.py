"""The methods of ScheduleService: the schedules of the caller's tenant."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

from grpc import StatusCode

from kinolog.access.schedule import (
    Schedule,
    ScheduleCreated,
    ScheduleDeleted,
    ScheduleFact,
    SchedulePaused,
    ScheduleResumed,
)
from kinolog.codec.times import time_to_proto
from kinolog.counts import counted
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyMissing
from kinolog.privacy.master_keys import KeyNotUnwrapped
from kinolog.privacy.sealer import UnsealFailed
from kinolog.process.logs import fields
from kinolog.v1 import job_service_pb2
from kinolog.v1 import schedule_service_pb2 as pb
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RequestViolation, RpcError, fields_below, invalid_argument
from kinolog_api.schedules.cron_times import CronTimes, UnusableTimes
from kinolog_api.schedules.schedule_facts import ScheduleFacts
from kinolog_api.schedules.schedule_runs import ScheduleRuns, run_job_id

logger = logging.getLogger(__name__)

MAX_SCHEDULES = 100
"""Schedules of a tenant."""

OF_ITS_RUNS = {
    "request_id": "must not be given: each run has its own",
    "earlier_tries": "must not be given: each run has an id of its own",
    "start_after": "must not be given: the times of the schedule say when its jobs start",
    "variants": "must not be given: each run is one job",
    "inputs": "must not be given: uploads expire",
}
"""Fields of a job that a schedule cannot have, and why."""


class ManageSchedules:
    """Creates, lists, pauses and deletes schedules.

    `check_job` raises `RpcError` for a job that cannot be submitted.
    """

    def __init__(
        self,
        facts: ScheduleFacts,
        runs: ScheduleRuns,
        store: EventStore,
        check_job: Callable[[job_service_pb2.SubmitJobRequest, RpcCall], Awaitable[object]],
    ) -> None:
        self._facts = facts
        self._runs = runs
        self._store = store
        self._check_job = check_job
        self._creating = asyncio.Lock()  # calls at the same time are counted one after the other

    async def create(self, request: pb.CreateScheduleRequest, call: RpcCall) -> pb.CreateScheduleResponse:
        """CreateSchedule."""
        try:
            CronTimes(request.cron, request.zone)
        except UnusableTimes as unusable:
            raise invalid_argument([RequestViolation(unusable.field, str(unusable))]) from None
        given = {field.name for field, _ in request.job.ListFields()}
        if wrong := [
            RequestViolation(f"job.{name}", OF_ITS_RUNS[name]) for name in OF_ITS_RUNS if name in given
        ]:
            raise invalid_argument(wrong)
        with fields_below("job"):
            await self._check_job(request.job, call)
        async with self._creating:
            number = len(self._facts.book.of_tenant(call.tenant))
            if number >= MAX_SCHEDULES:
                message = (
                    f"tenant {call.tenant} has {counted(number, 'schedule')} and may have no more: "
                    "delete what nobody needs"
                )
                raise RpcError(StatusCode.FAILED_PRECONDITION, "TOO_MANY_SCHEDULES", message)
            schedule = await self._facts.create(
                lambda job: ScheduleCreated(
                    tenant=call.tenant,
                    name=request.name,
                    cron=" ".join(request.cron.split()),
                    zone=request.zone or "UTC",
                    catch_up=request.catch_up,
                    job=job,
                ),
                request.job,
                call.actor,
            )
        self._log("schedule_created", "a schedule was created", schedule, call)
        return pb.CreateScheduleResponse(schedule=await self._shown(schedule))

    async def list_schedules(
        self, request: pb.ListSchedulesRequest, call: RpcCall
    ) -> pb.ListSchedulesResponse:
        """ListSchedules."""
        schedules = self._facts.book.of_tenant(call.tenant)
        return pb.ListSchedulesResponse(schedules=await asyncio.gather(*map(self._shown, schedules)))

    async def pause(self, request: pb.PauseScheduleRequest, call: RpcCall) -> pb.PauseScheduleResponse:
        """PauseSchedule."""
        await self._facts.load()
        schedule = self._visible(request.schedule_id, call)
        if schedule.paused_at is None:
            await self._decide(schedule, "pause_schedule", SchedulePaused(), call)
            self._log("schedule_paused", "a schedule was paused", schedule, call)
        return pb.PauseScheduleResponse(schedule=await self._shown(self._visible(request.schedule_id, call)))

    async def resume(self, request: pb.ResumeScheduleRequest, call: RpcCall) -> pb.ResumeScheduleResponse:
        """ResumeSchedule. Times that came while it was paused are not made up for."""
        await self._facts.load()
        schedule = self._visible(request.schedule_id, call)
        if schedule.paused_at is not None:
            await self._decide(schedule, "resume_schedule", ScheduleResumed(), call)
            self._log("schedule_resumed", "a schedule was resumed", schedule, call)
        return pb.ResumeScheduleResponse(schedule=await self._shown(self._visible(request.schedule_id, call)))

    async def delete(self, request: pb.DeleteScheduleRequest, call: RpcCall) -> pb.DeleteScheduleResponse:
        """DeleteSchedule. The key goes first: a call that is interrupted then leaves nothing that can be read."""
        schedule = self._visible(request.schedule_id, call)
        await self._facts.erase_key(schedule.schedule_id)
        await self._decide(schedule, "delete_schedule", ScheduleDeleted(), call)
        self._log("schedule_deleted", "a schedule was deleted", schedule, call)
        return pb.DeleteScheduleResponse()

    async def _decide(self, schedule: Schedule, command: str, fact: ScheduleFact, call: RpcCall) -> None:
        schedule_id = schedule.schedule_id
        await self._facts.decide(lambda: self._visible(schedule_id, call), command, fact, call.actor)

    async def _shown(self, schedule: Schedule) -> pb.Schedule:
        wire = pb.Schedule(
            schedule_id=schedule.schedule_id,
            tenant=schedule.tenant,
            name=schedule.name,
            cron=schedule.cron,
            zone=schedule.zone,
            catch_up=schedule.catch_up,
            created_by=schedule.created_by,
            problem=self._runs.problem(schedule),
        )
        with suppress(
            KeyMissing, KeyNotUnwrapped, UnsealFailed
        ):  # it is being deleted, or its key is damaged
            wire.job.CopyFrom(await self._facts.job(schedule))
        last = self._runs.last_run_at(schedule)
        if last is not None and await self._store.load(run_job_id(schedule, last)) is not None:
            wire.last_job_id = run_job_id(schedule, last)
            time_to_proto(wire.last_run_at, last)
        times: dict[str, datetime | None] = {
            "created_at": schedule.created_at,
            "paused_at": schedule.paused_at,
            "next_run_at": self._runs.next_run_at(schedule),
        }
        for name, at in times.items():
            if at is not None:
                time_to_proto(getattr(wire, name), at)
        return wire

    def _visible(self, schedule_id: str, call: RpcCall) -> Schedule:
        """Return a schedule. Raises NOT_FOUND for one of another tenant, as for one that does not exist."""
        schedule = self._facts.book.by_id(schedule_id)
        if schedule is None or schedule.tenant != call.tenant:
            message = f"there is no schedule {schedule_id}"
            raise RpcError(
                StatusCode.NOT_FOUND, "SCHEDULE_NOT_FOUND", message, metadata={"schedule_id": schedule_id}
            )
        return schedule

    def _log(self, action: str, text: str, schedule: Schedule, call: RpcCall) -> None:
        facts = {"schedule": schedule.schedule_id, "tenant": schedule.tenant, "actor": call.actor}
        logger.info(text, extra=fields(action, **facts, **call.origin))
