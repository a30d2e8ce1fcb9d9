"""What one tenant can learn of the jobs of another: the answers to it are the same, whatever the other one does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from kinolog_api.rpc.scopes import NEEDS

from kinolog.access.api_key import Scope
from kinolog.access.key_text import key_digest
from kinolog.job.values import Stage
from kinolog.ports.alarms import Alarm, AlarmSeverity
from kinolog.ports.workers import WorkerReport
from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import access_service_pb2 as ac
from kinolog.v1 import analytics_service_pb2 as an
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1 import schedule_service_pb2 as schedules
from tests.builders.call_metadata import bearer
from tests.builders.commit_tree import grow_tree
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api
from tests.contract.bad_requests import OF_ONE_JOB, UNKNOWN, span

OURS, THEIRS = bearer("ours-key-0123456789"), bearer("theirs-key-0123456789")
KEYS = {
    key_digest("ours-key-0123456789"): KeyHolder(tenant="ours", actor="ann"),
    key_digest("theirs-key-0123456789"): KeyHolder(tenant="theirs", actor="tom"),
}
STREAMS = {
    "WatchJob",
    "WatchJobs",
    "ReadArtifact",
    "ReadLiveVideo",
    "ExportVideo",
    "ReplayLog",
    "ExportEvents",
    "ExportBundle",
}
"""They send what concerns one job or commits of the caller's tenant; tests of their own say so."""
TICKETS = {"CreateFileTicket", "CreateLiveTicket"}
"""Their answers are random."""
CERTIFICATES = {"GetErasure", "ProveReads"}
"""Read in test_api_erasures.py and test_api_read_proofs.py: the projector signs them, and none runs here."""
OF_OPERATORS = {"StartVerification", "CancelVerification", "ListVerifications", "GetVerification"}
"""Refused to tenants: test_api_verifications.py."""
AT = datetime(2026, 5, 1, tzinfo=UTC)
YEAR: dict[str, Any] = {
    "range": span(
        Timestamp(seconds=int(AT.timestamp())), Timestamp(seconds=int(AT.timestamp()) + 86_400 * 365)
    )
}


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api with the keys of two tenants."""
    async with running_api(KEYS) as running:
        yield running


def worker(**facts: Any) -> WorkerReport:
    """Return the report of the worker that both tenants share."""
    report = WorkerReport(
        name="w1",
        device="cuda:0",
        hardware="a GPU",
        models=("kinolog-tiny", "large"),
        loaded_models=(),
        started_at=AT,
        seen_at=AT,
        memory_total_bytes=80 << 30,
    )
    return replace(report, **facts)


async def submitted(api: RunningApi, key: Any, **fields: Any) -> str:
    """Submit a job of a tenant. Return its id."""
    request = pb.SubmitJobRequest(prompt=PROMPT, seed=1, **fields)
    return (await api.jobs.SubmitJob(request, metadata=key)).job.id


async def answers(api: RunningApi, job_ids: list[str]) -> dict[str, bytes]:
    """Return the answer to every read of a tenant, also about each of its jobs, without positions of the whole log."""
    requests: dict[str, Message] = {
        "ListJobs": pb.ListJobsRequest(),
        "SummarizeJobs": pb.SummarizeJobsRequest(),
        "ListModels": pb.ListModelsRequest(),
        "ListWorkers": pb.ListWorkersRequest(),
        "ListAlarms": pb.ListAlarmsRequest(),
        "ListQueuePauses": pb.ListQueuePausesRequest(),
        "GetOverview": an.GetOverviewRequest(**YEAR),
        "GetSuccessRates": an.GetSuccessRatesRequest(**YEAR),
        "GetStageTimes": an.GetStageTimesRequest(**YEAR),
        "GetQueueDepth": an.GetQueueDepthRequest(**YEAR),
        "GetTrends": an.GetTrendsRequest(**YEAR),
        "ListActivity": an.ListActivityRequest(),
        "SearchEvents": au.SearchEventsRequest(),
        "NoteLiveRead": au.NoteLiveReadRequest(channel="jobs"),
        "SearchReads": au.SearchReadsRequest(query="actor!=ann"),
        "CountCommands": au.CountCommandsRequest(),
        "GetQueueAt": au.GetQueueAtRequest(),
        "ListErasures": au.ListErasuresRequest(),
        "WhoAmI": ac.WhoAmIRequest(),
        "GetUsage": ac.GetUsageRequest(),
        "ListSchedules": schedules.ListSchedulesRequest(),
    }
    reads = {name.rpartition(".")[2] for name, need in NEEDS.items() if need in (Scope.READ, Scope.AUDIT)}
    reads -= STREAMS | TICKETS | CERTIFICATES | OF_OPERATORS
    of_a_job: dict[str, Any] = {name: make for name, make in OF_ONE_JOB if name in reads}
    assert {"GetJob", "GetHistory"} <= of_a_job.keys()
    assert reads <= requests.keys() | of_a_job.keys()
    found = {}
    for name, request in requests.items():
        answer = await api.method(name)(request, metadata=OURS)
        if name in ("ListJobs", "SummarizeJobs", "SearchEvents", "GetQueueAt"):
            answer.ClearField("position")
        found[name] = answer.SerializeToString(deterministic=True)
    for name, make in of_a_job.items():
        for job_id in job_ids if name != "GetResult" else job_ids[:1]:
            answer = await api.method(name)(make(job_id=job_id), metadata=OURS)
            found[f"{name} {job_id}"] = answer.SerializeToString(deterministic=True)
    return found


async def test_nothing_tells_of_the_jobs_of_others(api: RunningApi) -> None:
    """Another tenant submits, schedules, renders, fails, cancels and erases on the shared worker: answers stay."""
    done = await submitted(api, OURS)
    await api.complete(done)
    queued = await submitted(api, OURS, priority=job_pb2.PRIORITY_LOW)
    await api.workers.report(worker())
    await grow_tree(api)  # a later head has more commits, of all tenants: docs/decisions/0136
    before = await answers(api, [done, queued])
    urgent = [await submitted(api, THEIRS, priority=job_pb2.PRIORITY_CRITICAL) for _ in range(6)]
    await api.complete(urgent[0])
    await api.fail(urgent[1])
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=urgent[2]), metadata=THEIRS)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=urgent[2]), metadata=THEIRS)
    await api.start_attempt(urgent[3])
    weekly = schedules.CreateScheduleRequest(cron="0 6 * * 1", job=pb.SubmitJobRequest(prompt=PROMPT))
    await api.method("CreateSchedule")(weekly, metadata=THEIRS)
    busy = worker(
        loaded_models=("large",),
        job_id=urgent[3],
        other_job_id=urgent[4],
        attempt=1,
        stage=Stage.DENOISE,
        step=3,
        steps=20,
        memory_used_bytes=1 << 30,
        jobs_completed=1,
        attempts_failed=1,
    )
    await api.workers.report(busy)
    assert await answers(api, [done, queued]) == before
    (seen,) = (await api.jobs.ListWorkers(pb.ListWorkersRequest(), metadata=THEIRS)).workers
    assert (seen.job_id, seen.step, seen.jobs_completed) == (urgent[3], 3, 0)


async def test_an_alarm_names_no_job(api: RunningApi) -> None:
    """The trouble of a job of another tenant is told without its id."""
    job_id = await submitted(api, THEIRS)
    alarm = Alarm(
        name="keys-missing",
        severity=AlarmSeverity.WARNING,
        text=f"the key of {job_id} is missing",
        source="projector",
        since=AT + timedelta(days=1),
    )
    await api.alarms.raise_alarm(alarm)
    answer = await api.jobs.ListAlarms(pb.ListAlarmsRequest(), metadata=OURS)
    assert [one.name for one in answer.alarms] == ["keys-missing"]
    assert job_id not in str(answer)


async def test_a_foreign_job_is_refused_like_one_that_does_not_exist(api: RunningApi) -> None:
    """Status, message and details are the same bytes but for the id that was asked for."""
    job_id = await submitted(api, THEIRS)
    await api.complete(job_id)
    for name, request in OF_ONE_JOB:
        foreign, missing = [
            await refused(api.method(name)(request(job_id=asked), metadata=OURS))
            for asked in (job_id, UNKNOWN)
        ]
        assert repr(foreign).replace(job_id, UNKNOWN) == repr(missing), name
