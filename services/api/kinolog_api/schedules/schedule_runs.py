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
from functools import partial
from typing import TypeAlias
from weakref import WeakValueDictionary

from kinolog.access.schedule import Schedule
from kinolog.ids import job_id
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore
from kinolog.process.logs import fields
from kinolog.process.tasks import end_tasks
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.calls import RpcCall, error_response
from kinolog_api.schedules.cron_times import CronTimes
from kinolog_api.schedules.schedule_facts import ScheduleFacts

logger = logging.getLogger(__name__)

CHECK_SECONDS = 2.0
"""How often the next times are compared with the clock."""

LATE = timedelta(minutes=5)
"""A run that is later was missed: it is made up for only if the schedule catches up."""

PROGRAM = "kinolog-schedule"
"""What commits of runs name as the program of the caller."""

Submit: TypeAlias = Callable[[pb.SubmitJobRequest, RpcCall], Awaitable[pb.SubmitJobResponse]]
"""Submits a job, or returns the one of an earlier request with the same id."""

RETRY = timedelta(seconds=30)
"""How soon a job that was not accepted is submitted again."""

CONCURRENT_SUBMITS = 8
"""Jobs of a tenant that are submitted at the same time. A language model may write their scenes, which takes long."""


@dataclass(slots=True)
class _Plan:
    """What is to be run next of a schedule. `position` is that of the commit that it follows from."""

    position: int
    times: CronTimes
    next_at: datetime
    pending: datetime | None = None
    retry_at: datetime | None = None
    problem: str = ""

    def due(self, now: datetime, *, catch_up: bool) -> datetime | None:
        """Return the time whose job is to be submitted now; None if there is none."""
        if self.next_at <= now:
            self.pending, self.next_at, self.retry_at = self.times.up_to(now), self.times.after(now), None
        if self.pending is not None and not catch_up and now - self.pending > LATE:
            self.pending = None
        return None if self.retry_at is not None and now < self.retry_at else self.pending


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
        self._running: dict[str, asyncio.Task[str]] = {}
        """What submits the job of a schedule now, by its id."""
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """The turns of each tenant with jobs that are being submitted."""

    async def run(self) -> None:
        """Submit jobs as their times come, until cancelled."""
        try:
            while True:
                self.start_due()
                await asyncio.sleep(CHECK_SECONDS)
        finally:
            await end_tasks(self._running.values())

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

    def start_due(self) -> list[asyncio.Task[str]]:
        """Start to submit the jobs whose times have come. Return the tasks, whose results are the ids of the jobs.

        A schedule whose job is not accepted, or takes long, holds up no other tenant's, and few of its own tenant's.
        The result of a task is empty if there is no job.
        """
        now = self._clock()
        active = {one.schedule_id: one for one in self.facts.book.all_schedules() if one.paused_at is None}
        for gone in self._plans.keys() - active.keys():
            del self._plans[gone]
        started: list[asyncio.Task[str]] = []
        for schedule_id, schedule in active.items():
            if schedule_id in self._running:
                continue
            plan = self._plan(schedule, now)
            at = plan.due(now, catch_up=schedule.catch_up)
            if at is not None:
                task = asyncio.create_task(
                    self._submit_run(schedule, plan, at), name=f"schedule {schedule_id}"
                )
                self._running[schedule_id] = task
                task.add_done_callback(partial(self._ended, schedule_id))
                started.append(task)
        return started

    def _ended(self, schedule_id: str, _: asyncio.Task[str]) -> None:
        self._running.pop(schedule_id, None)

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

    def _is_current(self, schedule: Schedule) -> bool:
        """Return whether a schedule was neither paused nor deleted since."""
        current = self.facts.book.by_id(schedule.schedule_id)
        return current is not None and current.position == schedule.position

    async def _submit_run(self, schedule: Schedule, plan: _Plan, at: datetime) -> str:
        """Submit the job of a time, unless it is in the log. Return its id; empty if it is not accepted."""
        job = run_job_id(schedule, at)
        try:
            async with self._turns.setdefault(schedule.tenant, asyncio.Semaphore(CONCURRENT_SUBMITS)):
                if await self._store.load(job) is None:
                    request = await self.facts.job(schedule)
                    if not self._is_current(schedule):
                        return ""
                    request.request_id = run_request_id(schedule, at)
                    call = RpcCall(
                        tenant=schedule.tenant, actor=schedule.created_by, origin={"program": PROGRAM}
                    )
                    await self._submit(request, call)
        except Exception as error:
            problem = error_response(error, "SubmitJob").message
            if problem != plan.problem:
                facts = fields("schedule_failed", schedule=schedule.schedule_id, tenant=schedule.tenant)
                logger.warning("a schedule made no job: %s", problem, extra=facts)
            plan.problem, plan.retry_at = problem, self._clock() + RETRY
            return ""
        plan.problem, plan.pending = "", None
        return job
