"""Submits the jobs of schedules when their times come.

The request id of a job is made of schedule and time. So each process of the api may submit it: the log accepts one.
What was submitted is not remembered elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from kinolog.access.schedule import Schedule
from kinolog.ids import job_id
from kinolog.job.decide import Refused
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import DamagedLog, EventStore, LogUnavailable
from kinolog.ports.keys import KeyErased, KeyMissing
from kinolog.privacy.sealer import UnsealFailed
from kinolog.process.logs import fields
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RpcError
from kinolog_api.schedules.cron_times import CronTimes
from kinolog_api.schedules.schedule_facts import ScheduleFacts

logger = logging.getLogger(__name__)

CHECK_SECONDS = 2.0
"""How often the next times are compared with the clock."""

LATE = timedelta(minutes=5)
"""A run that is later was missed: it is made up for only if the schedule catches up."""

Submit: TypeAlias = Callable[[pb.SubmitJobRequest, RpcCall], Awaitable[pb.SubmitJobResponse]]
"""Submits a job, or returns the one of an earlier request with the same id."""

RETRY = timedelta(seconds=30)
"""How soon a job that was not accepted is submitted again."""

NOT_SUBMITTED = (RpcError, Refused, LogUnavailable, DamagedLog, KeyMissing, KeyErased, UnsealFailed)


@dataclass(slots=True)
class _Plan:
    """What is to be run next of a schedule. `position` is that of the commit that it follows from."""

    position: int
    times: CronTimes
    next_at: datetime
    pending: datetime | None = None
    retry_at: datetime | None = None
    problem: str = ""


def run_request_id(schedule: Schedule, at: datetime) -> str:
    """Return the request id of the run of a schedule at a time."""
    return f"{schedule.schedule_id}:{at:%Y%m%dT%H%MZ}"


def run_job_id(schedule: Schedule, at: datetime) -> str:
    """Return the id of the job of a run."""
    return job_id(schedule.tenant, run_request_id(schedule, at))


class ScheduleRuns:
    """Knows the next time of each schedule."""

    def __init__(self, facts: ScheduleFacts, store: EventStore, submit: Submit, clock: Clock) -> None:
        self.facts = facts
        self._store = store
        self._submit = submit
        self._clock = clock
        self._plans: dict[str, _Plan] = {}

    async def run(self) -> None:
        """Submit jobs as their times come, until cancelled."""
        while True:
            await self.submit_due()
            await asyncio.sleep(CHECK_SECONDS)

    def next_run_at(self, schedule: Schedule) -> datetime | None:
        """Return when a schedule runs next; None while it is paused."""
        return None if schedule.paused_at is not None else self._times(schedule).after(self._clock())

    def last_run_at(self, schedule: Schedule) -> datetime | None:
        """Return the last time of a schedule at which it was active; None if there is none."""
        until = schedule.paused_at or self._clock()
        last = self._times(schedule).up_to(until)
        return last if last > schedule.active_since else None

    def problem(self, schedule: Schedule) -> str:
        """Return why the job of the last time was not accepted, as this process was told; empty if it was."""
        plan = self._plans.get(schedule.schedule_id)
        return plan.problem if plan is not None else ""

    async def submit_due(self) -> list[str]:
        """Submit the jobs whose times have come. Return their ids."""
        now, jobs = self._clock(), list[str]()
        active = [one for one in self.facts.book.all_schedules() if one.paused_at is None]
        for gone in self._plans.keys() - {schedule.schedule_id for schedule in active}:
            del self._plans[gone]
        for schedule in active:
            plan = self._plan(schedule, now)
            if plan.next_at <= now:
                plan.pending, plan.next_at, plan.retry_at = plan.times.up_to(now), plan.times.after(now), None
            if plan.pending is None or (plan.retry_at is not None and now < plan.retry_at):
                continue
            if not schedule.catch_up and now - plan.pending > LATE:
                plan.pending = None
            elif await self._submitted(schedule, plan, plan.pending):
                jobs.append(run_job_id(schedule, plan.pending))
                plan.pending = None
            else:
                plan.retry_at = now + RETRY
        return jobs

    def _plan(self, schedule: Schedule, now: datetime) -> _Plan:
        """Return the plan of a schedule. A new one has the last time that may not have been submitted."""
        plan = self._plans.get(schedule.schedule_id)
        if plan is None or plan.position != schedule.position:
            times = self._times(schedule)
            plan = _Plan(schedule.position, times, times.after(now), self.last_run_at(schedule))
            self._plans[schedule.schedule_id] = plan
        return plan

    def _times(self, schedule: Schedule) -> CronTimes:
        return CronTimes(schedule.cron, schedule.zone)

    async def _submitted(self, schedule: Schedule, plan: _Plan, at: datetime) -> bool:
        """Submit the job of a time, unless it is in the log. Return whether it is there then."""
        call = RpcCall(tenant=schedule.tenant, actor=schedule.created_by)
        try:
            if await self._store.load(run_job_id(schedule, at)) is None:
                request = await self.facts.job(schedule)
                request.request_id = run_request_id(schedule, at)
                await self._submit(request, call)
        except NOT_SUBMITTED as error:
            problem = getattr(error, "message", str(error))
            if problem != plan.problem:
                facts = fields("schedule_failed", schedule=schedule.schedule_id, tenant=schedule.tenant)
                logger.warning("a schedule made no job: %s", problem, extra=facts)
            plan.problem = problem
            return False
        plan.problem = ""
        return True
