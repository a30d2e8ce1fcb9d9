"""Schedules over gRPC: their life, and the jobs that they submit, each once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import pytest
from kinolog_api.api_keys.key_directory import KeyDirectory
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RpcError
from kinolog_api.schedules import manage_schedules, schedule_runs
from kinolog_api.schedules.schedule_facts import ScheduleFacts
from kinolog_api.schedules.schedule_runs import LATE, ScheduleRuns

from kinolog.codec.times import time_from_proto
from kinolog.v1 import job_service_pb2 as jobs
from kinolog.v1 import schedule_service_pb2 as pb
from tests.adapters.memory.access_log import LateAccessLog
from tests.builders.refusals import refusals
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api
from tests.fixtures.waits import until

HOURLY = "0 * * * *"
HOUR = timedelta(hours=1)


class Schedules:
    """An api, and the runs of another process of it, which a test starts by hand."""

    def __init__(self, api: RunningApi) -> None:
        self.api = api
        self.full = False
        self.special: dict[str, Callable[[], Awaitable[None]]] = {}
        """What happens first when the job of a schedule is submitted, by its id."""
        self.process = self.restarted()

    def restarted(self) -> ScheduleRuns:
        """Return the runs of a process that knows nothing yet."""
        self._directory = KeyDirectory(self.api.access_log)
        facts = ScheduleFacts(self.api.access_log, self._directory, self.api.keys, self.api.clock)
        return ScheduleRuns(facts, self.api.store, self._submit, self.api.clock)

    async def _submit(self, request: jobs.SubmitJobRequest, call: RpcCall) -> jobs.SubmitJobResponse:
        if self.full:
            raise RpcError(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", "the queue is full")
        assert (call.tenant, call.actor) == ("default", "anonymous")
        schedule_id, _, _ = request.request_id.partition(":")
        if schedule_id in self.special:
            await self.special[schedule_id]()
        answer: jobs.SubmitJobResponse = await self.api.jobs.SubmitJob(request)
        return answer

    async def follow(self) -> None:
        """Read the stream of facts."""
        await self._directory.load()

    async def run(self, runs: ScheduleRuns | None = None) -> list[str]:
        """Submit what is due, as a process does that follows the stream. Return the jobs."""
        await self.follow()
        return [job_id for job_id in await asyncio.gather(*(runs or self.process).start_due()) if job_id]

    async def create(self, cron: str = HOURLY, **fields: Any) -> pb.Schedule:
        """Create a schedule."""
        wanted = {"job": jobs.SubmitJobRequest(prompt=PROMPT, steps=3)} | fields
        request = pb.CreateScheduleRequest(cron=cron, **wanted)
        schedule: pb.Schedule = (await self.api.method("CreateSchedule")(request)).schedule
        return schedule

    async def only(self) -> pb.Schedule:
        """Return the only schedule."""
        listed: pb.ListSchedulesResponse = await self.api.method("ListSchedules")(pb.ListSchedulesRequest())
        (schedule,) = listed.schedules
        return schedule

    async def command(self, method: str, schedule: pb.Schedule) -> Any:
        """Pause, resume or delete a schedule."""
        kinds = {
            "PauseSchedule": pb.PauseScheduleRequest,
            "ResumeSchedule": pb.ResumeScheduleRequest,
            "DeleteSchedule": pb.DeleteScheduleRequest,
        }
        return await self.api.method(method)(kinds[method](schedule_id=schedule.schedule_id))

    async def job_ids(self) -> list[str]:
        """Return the ids of all jobs, oldest first."""
        listed = (await self.api.jobs.ListJobs(jobs.ListJobsRequest(order_by="created_at"))).jobs
        return [job.id for job in listed]


@pytest.fixture
async def schedules(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Schedules]:
    """An api over memory without schedules. Nothing runs them but the test."""
    monkeypatch.setattr(schedule_runs, "CHECK_SECONDS", 3600.0)
    async with running_api() as api:
        yield Schedules(api)


async def test_each_time_makes_one_job(schedules: Schedules) -> None:
    """A process that starts later finds the job of a time that another one has submitted."""
    made = await schedules.create(name="hourly")
    assert (made.name, made.zone, made.job.prompt, made.created_by) == ("hourly", "UTC", PROMPT, "anonymous")
    first = time_from_proto(made.next_run_at)
    assert first.minute == first.second == 0
    assert await schedules.run() == []
    schedules.api.clock.now = first + timedelta(seconds=10)
    (job_id,) = await schedules.run()
    assert await schedules.run() == []
    assert await schedules.run(schedules.restarted()) == [job_id]
    assert await schedules.job_ids() == [job_id]
    schedule = await schedules.only()
    assert (time_from_proto(schedule.last_run_at), time_from_proto(schedule.next_run_at)) == (
        first,
        first + HOUR,
    )
    assert schedule.last_job_id == job_id
    job = (await schedules.api.jobs.GetJob(jobs.GetJobRequest(job_id=job_id))).job
    assert (job.spec.prompt, job.spec.steps) == (PROMPT, 3)
    assert job.request_id == f"{schedule.schedule_id}:{first:%Y%m%dT%H%MZ}"
    async for batch in schedules.api.access_log.read(0):
        assert all(PROMPT.encode() not in recorded.raw for recorded in batch)


async def test_the_api_runs_schedules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the clock is needed for a job of the actor who created the schedule."""
    monkeypatch.setattr(schedule_runs, "CHECK_SECONDS", 0.001)
    async with running_api() as api:
        made = await Schedules(api).create()
        api.clock.now = time_from_proto(made.next_run_at)
        job_ids = await until(Schedules(api).job_ids, "the job of the run")
        job = await api.job(job_ids[0])
        assert (job.actor, job.request_id.partition(":")[0]) == ("anonymous", made.schedule_id)


@pytest.mark.parametrize("catch_up", [False, True])
async def test_missed_runs(schedules: Schedules, catch_up: bool) -> None:
    """After a day without an api the last run is made up for, if the schedule wants it, and no other."""
    made = await schedules.create(catch_up=catch_up)
    schedules.api.clock.now = time_from_proto(made.next_run_at) + 24 * HOUR + 2 * LATE
    assert len(await schedules.run()) == catch_up
    schedules.api.clock.now += HOUR - 2 * LATE
    assert len(await schedules.run()) == 1
    assert len(await schedules.job_ids()) == 1 + catch_up


async def test_a_paused_schedule_makes_no_jobs(schedules: Schedules) -> None:
    """What comes while it is paused is not made up for. A deleted one is gone with its key."""
    made = await schedules.create(catch_up=True)
    paused = (await schedules.command("PauseSchedule", made)).schedule
    assert paused.HasField("paused_at")
    assert not paused.HasField("next_run_at")
    schedules.api.clock.now = time_from_proto(made.next_run_at) + HOUR / 2
    assert await schedules.run() == []
    resumed = (await schedules.command("ResumeSchedule", made)).schedule
    assert time_from_proto(resumed.next_run_at) == time_from_proto(made.next_run_at) + HOUR
    assert await schedules.run() == []
    schedules.api.clock.now = time_from_proto(resumed.next_run_at)
    await schedules.command("DeleteSchedule", made)
    assert await schedules.run() == []
    assert (await schedules.api.method("ListSchedules")(pb.ListSchedulesRequest())).schedules == []
    assert await schedules.api.keys.get(made.schedule_id) is None
    pausing = pb.PauseScheduleRequest(schedule_id=made.schedule_id)
    problem = await refused(schedules.api.method("PauseSchedule")(pausing))
    assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "SCHEDULE_NOT_FOUND")


async def test_a_job_that_is_refused_is_submitted_again(schedules: Schedules) -> None:
    """While its job is not accepted, a schedule says why. It is submitted again, half a minute apart."""
    made = await schedules.create()
    schedules.api.clock.now = time_from_proto(made.next_run_at)
    schedules.full = True
    assert await schedules.run() == []
    (known,) = schedules.process.facts.book.all_schedules()
    assert schedules.process.problem(known) == "the queue is full"
    schedules.full = False
    assert await schedules.run() == []
    schedules.api.clock.now += timedelta(minutes=1)
    assert len(await schedules.run()) == 1
    assert schedules.process.problem(known) == ""


async def test_a_schedule_that_fails_or_takes_long_holds_up_no_other(schedules: Schedules) -> None:
    """Its job is submitted once, whatever the others do meanwhile. What is unexpected is told without its text."""

    answered = asyncio.Event()
    broken, slow, good = [await schedules.create() for _ in range(3)]

    async def fail() -> None:
        raise RuntimeError(PROMPT)

    async def wait() -> None:
        await answered.wait()

    schedules.special = {broken.schedule_id: fail, slow.schedule_id: wait}
    schedules.api.clock.now = time_from_proto(good.next_run_at)
    await schedules.follow()
    failing, waiting, last = schedules.process.start_due()
    assert await failing == ""
    job_ids = [await last]
    assert await schedules.job_ids() == job_ids
    assert schedules.process.start_due() == []
    answered.set()
    job_ids.append(await waiting)
    assert await schedules.job_ids() == job_ids
    known = schedules.process.facts.book.by_id(broken.schedule_id)
    assert known is not None
    assert schedules.process.problem(known).startswith("internal error; find the cause in the api's log")
    schedules.special = {}
    schedules.api.clock.now += timedelta(minutes=1)
    assert len(await schedules.run()) == 1


async def test_a_schedule_whose_key_is_lost_is_shown(schedules: Schedules) -> None:
    """It has no job, says why it makes none, and can be deleted."""
    made = await schedules.create()
    await schedules.api.keys.discard([made.schedule_id])
    schedules.api.clock.now = time_from_proto(made.next_run_at)
    assert await schedules.run() == []
    (known,) = schedules.process.facts.book.all_schedules()
    assert schedules.process.problem(known).startswith(f"the key of job {made.schedule_id} is missing")
    assert not (await schedules.only()).job.prompt
    await schedules.command("DeleteSchedule", made)


async def test_a_tenant_has_so_many_schedules(schedules: Schedules, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused, also when several are created at the same time."""
    monkeypatch.setattr(manage_schedules, "MAX_SCHEDULES", 2)
    await schedules.create("30 2 * * *", zone="Europe/Berlin")
    request = pb.CreateScheduleRequest(cron=HOURLY, job=jobs.SubmitJobRequest(prompt=PROMPT))
    create = schedules.api.method("CreateSchedule")
    assert await refusals(create(request) for _ in range(3)) == ["TOO_MANY_SCHEDULES"] * 2


async def test_a_schedule_that_this_api_has_not_heard_of_is_resumed(schedules: Schedules) -> None:
    """Another api stored it and paused it a moment ago."""
    late = replace(schedules.api, access_log=LateAccessLog(schedules.api.access_log, commits=3))
    async with running_api(stores_of=late) as other:
        chosen = {"schedule_id": (await schedules.create()).schedule_id}
        await schedules.api.method("PauseSchedule")(pb.PauseScheduleRequest(**chosen))
        resumed = await other.method("ResumeSchedule")(pb.ResumeScheduleRequest(**chosen))
        assert not resumed.schedule.HasField("paused_at")
