"""The api refuses work while an alarm says so, and lists the alarms."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import grpc
import pytest
from grpc import aio
from kinolog_api.alarms import watched_writes

from kinolog.access.key_text import key_digest
from kinolog.job.commit import Commit
from kinolog.ports.alarms import LOG_DAMAGED, STORAGE_FULL, Alarm, AlarmSeverity
from kinolog.ports.event_store import AppendConflict, Appended, LogUnavailable
from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import analytics_service_pb2 as an
from kinolog.v1 import job_pb2, job_service_pb2_grpc
from kinolog.v1 import job_service_pb2 as pb
from tests.adapters.memory.alarms import MemoryAlarms
from tests.builders.call_metadata import bearer
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api
from tests.fixtures.waits import until, until_true

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def given_alarm(
    api: RunningApi, name: str, severity: AlarmSeverity = AlarmSeverity.REFUSE_WRITES
) -> MemoryAlarms:
    """Raise an alarm as another process, and return its alarms. The api clears its own ones."""
    alarms = api.alarms.of_another_process()
    await alarms.raise_alarm(
        Alarm(
            name=name,
            severity=severity,
            text="the disk is full; make room",
            source="",
            since=AT,
            details="job 7 waits",
        )
    )
    return alarms


async def test_alarms_are_listed(api: RunningApi) -> None:
    """An alarm is listed with all that is known of it."""
    assert not (await api.jobs.ListAlarms(pb.ListAlarmsRequest())).alarms
    await given_alarm(api, STORAGE_FULL)
    (alarm,) = (await api.jobs.ListAlarms(pb.ListAlarmsRequest())).alarms
    assert (alarm.name, alarm.severity) == (STORAGE_FULL, job_pb2.ALARM_SEVERITY_REFUSE_WRITES)
    assert (alarm.text, alarm.source) == ("the disk is full; make room", "test")
    assert alarm.since.ToDatetime(UTC) == AT


async def test_alarms_need_no_key() -> None:
    """A probe has no API key; nothing else is served without one."""
    keys = {key_digest("k" * 32): KeyHolder(tenant="t", actor="a")}
    async with (
        running_api(keys) as api,
        aio.insecure_channel(api.target) as channel,
    ):
        jobs = job_service_pb2_grpc.JobServiceStub(channel)
        await given_alarm(api, STORAGE_FULL)
        assert len((await jobs.ListAlarms(pb.ListAlarmsRequest())).alarms) == 1
        assert (
            await refused(jobs.ListWorkers(pb.ListWorkersRequest()))
        ).code is grpc.StatusCode.UNAUTHENTICATED


async def test_only_an_operator_reads_which_jobs_an_alarm_concerns() -> None:
    """Details are for keys that are valid for every tenant, unless they call on behalf of one."""
    keys = {
        key_digest("o" * 32): KeyHolder(),
        key_digest("t" * 32): KeyHolder(tenant="t"),
    }
    async with (
        running_api(keys) as api,
        aio.insecure_channel(api.target) as channel,
    ):
        jobs = job_service_pb2_grpc.JobServiceStub(channel)
        await given_alarm(api, LOG_DAMAGED)
        for metadata, details in (
            (bearer("o" * 32), "job 7 waits"),
            (bearer("o" * 32, ("x-kinolog-tenant", "t")), ""),
            (bearer("t" * 32), ""),
            (bearer("wrong"), ""),
            ((), ""),
        ):
            (alarm,) = (await jobs.ListAlarms(pb.ListAlarmsRequest(), metadata=metadata)).alarms
            assert (alarm.text, alarm.details) == ("the disk is full; make room", details)
            assert bool(alarm.instance) == bool(details)


async def test_without_keys_nobody_is_an_operator(api: RunningApi) -> None:
    """An api without keys knows no operator: kinolog doctor reads the details from the broker."""
    await given_alarm(api, LOG_DAMAGED)
    (alarm,) = (await api.jobs.ListAlarms(pb.ListAlarmsRequest())).alarms
    assert (alarm.details, alarm.instance) == ("", "")


async def test_a_full_disk_refuses_new_jobs(api: RunningApi) -> None:
    """Submits, batches and retries are refused with what to do; other commands and reads are served."""
    job_id, failed = await api.submit(), await api.submit()
    await api.fail(failed)
    elsewhere = await given_alarm(api, f"{STORAGE_FULL}-log")
    batch = pb.BatchSubmitJobsRequest(requests=[pb.SubmitJobRequest(prompt=PROMPT)])
    for call in (
        api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT)),
        api.jobs.BatchSubmitJobs(batch),
        api.jobs.RetryJob(pb.RetryJobRequest(job_id=failed)),
    ):
        problem = await refused(call)
        assert (problem.code, problem.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
        assert problem.message == "the disk is full; make room"
        assert problem.retry_seconds
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))
    await elsewhere.clear(f"{STORAGE_FULL}-log")
    await api.submit()


async def test_a_damaged_log_refuses_every_command(api: RunningApi) -> None:
    """Nothing is written to a log that differs from its archive; reads are served."""
    job_id = await api.submit()
    await given_alarm(api, LOG_DAMAGED)
    for call in (
        api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT)),
        api.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id)),
        api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id)),
    ):
        problem = await refused(call)
        assert (problem.code, problem.reason) == (grpc.StatusCode.DATA_LOSS, "LOG_DAMAGED")
    await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))


async def test_a_warning_refuses_nothing(api: RunningApi) -> None:
    """A warning is only told."""
    await given_alarm(api, STORAGE_FULL, AlarmSeverity.WARNING)
    await api.submit()


async def test_stale_lists_say_so(api: RunningApi) -> None:
    """While the read models do not follow the log, lists and charts carry their age, and an alarm tells it."""
    await api.submit()
    monitor, steady = api.server.health_monitor, 1000.0
    api.server.freshness._now = lambda: steady
    await monitor.check()
    api.read_model.held_at = await api.store.last_position()
    await api.submit()
    await monitor.check()
    steady += 60.0
    await monitor.check()
    for call in (
        api.jobs.ListJobs(pb.ListJobsRequest()),
        api.jobs.SummarizeJobs(pb.SummarizeJobsRequest()),
        api.analytics.GetOverview(an.GetOverviewRequest()),
    ):
        await call
        assert dict(await call.trailing_metadata())["kinolog-stale-seconds"] == "60"
    single = api.jobs.GetStoryboard(pb.GetStoryboardRequest(job_id=await api.submit()))
    await single
    assert not await single.trailing_metadata()
    (alarm,) = (await api.jobs.ListAlarms(pb.ListAlarmsRequest())).alarms
    assert (alarm.name, alarm.severity) == ("lists-stale", job_pb2.ALARM_SEVERITY_WARNING)
    api.read_model.held_at = None
    await monitor.check()
    assert not (await api.jobs.ListAlarms(pb.ListAlarmsRequest())).alarms
    fresh = api.jobs.ListJobs(pb.ListJobsRequest())
    await fresh
    assert not await fresh.trailing_metadata()


async def test_a_log_that_stores_nothing_refuses_jobs_for_a_while(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After two writes without an answer, submits are refused at once with what to do; one that works ends it."""
    append, tries, over = api.store.append, 0, asyncio.Semaphore(0)

    async def pause(_: float) -> None:
        await over.acquire()

    async def unanswered(commit: Commit) -> Appended:
        nonlocal tries
        tries += 1
        raise LogUnavailable("timeout")

    monkeypatch.setattr(api.server._job_service.writes, "_pause", pause)
    monkeypatch.setattr(api.store, "append", unanswered)
    submit = pb.SubmitJobRequest(prompt=PROMPT)
    for _ in range(2):
        assert (await refused(api.jobs.SubmitJob(submit))).code is grpc.StatusCode.UNAVAILABLE
    await until(api.alarms.current, "the alarm", bool)
    problem = await refused(api.jobs.SubmitJob(submit))
    assert (problem.code, problem.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
    assert tries == 2
    over.release()
    await until(api.alarms.current, "the next try", lambda alarms: not alarms)
    assert (await refused(api.jobs.SubmitJob(submit))).code is grpc.StatusCode.UNAVAILABLE
    assert tries == 3
    await until(api.alarms.current, "the alarm stands again", bool)
    monkeypatch.setattr(api.store, "append", append)
    over.release()
    await until(api.alarms.current, "the next try", lambda alarms: not alarms)
    await api.submit()
    assert not await api.alarms.current()


async def test_a_write_that_works_at_once_does_not_end_later_alarms(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write may be answered before the alarm about others is raised. The next without an answer raise it."""
    writes = api.server._job_service.writes
    job_id = await api.submit()
    (first,) = [recorded async for recorded in api.store.history(job_id)]
    append = api.store.append

    async def unanswered(commit: Commit) -> Appended:
        raise LogUnavailable("timeout")

    for answer in (unanswered, unanswered, append, unanswered, unanswered):
        monkeypatch.setattr(api.store, "append", answer)
        with contextlib.suppress(LogUnavailable, AppendConflict):
            await writes.append(first.commit)
        if answer is append:
            await until_true(lambda: not writes._is_refusing, "the cancelled task has ended")
    (alarm,) = await until(api.alarms.current, "the alarm", bool)
    assert alarm.name == watched_writes.UNWRITABLE


async def test_a_log_that_was_away_for_a_moment_is_not_full(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes that a frozen or restarted server did not answer raise no alarm, although it answers reads by now."""
    append, waiting, answer = api.store.append, asyncio.Semaphore(0), asyncio.Event()

    async def unanswered(commit: Commit) -> Appended:
        waiting.release()
        await answer.wait()
        raise LogUnavailable("timeout")

    async def submit() -> None:
        problem = await refused(api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT)))
        assert problem.code is grpc.StatusCode.UNAVAILABLE

    for _ in range(2):
        monkeypatch.setattr(api.store, "append", unanswered)
        async with asyncio.TaskGroup() as submits:
            for _ in range(3):
                submits.create_task(submit())
                await waiting.acquire()
            answer.set()
        answer.clear()
        monkeypatch.setattr(api.store, "append", append)
        await api.submit()
        assert not await api.alarms.current()


async def test_a_log_that_is_away_is_not_full(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that answers neither writes nor reads is unavailable; that says nothing about its disk."""

    async def unanswered(*_: object) -> Appended:
        raise LogUnavailable("no connection")

    monkeypatch.setattr(api.store, "append", unanswered)
    monkeypatch.setattr(api.store, "last_position", unanswered)
    for _ in range(2):
        problem = await refused(api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT)))
        assert problem.code is grpc.StatusCode.UNAVAILABLE
    assert not await api.alarms.current()
