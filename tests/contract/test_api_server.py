"""Health, reflection, internal errors, and charts, over a real connection."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from kinolog_api.rpc.authentication import TENANT_KEY
from kinolog_api.server import ListenFailed

from kinolog.job.commit import RecordedCommit
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.process.logs import TextLines
from kinolog.process.probe import metrics_text
from kinolog.process.standstill import Standstill
from kinolog.v1 import analytics_service_pb2 as an
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, RunningApi, collected, refused, running_api
from tests.fixtures.waits import until_true

SERVICES = [
    "",
    "kinolog.v1.JobService",
    "kinolog.v1.AnalyticsService",
    "kinolog.v1.AuditService",
    "kinolog.v1.AccessService",
    "kinolog.v1.TicketService",
]
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def health(api: RunningApi) -> list[int]:
    """Return the health of each service."""
    stub = health_pb2_grpc.HealthStub(api.channel)
    return [(await stub.Check(health_pb2.HealthCheckRequest(service=service))).status for service in SERVICES]


async def test_health_follows_the_dependencies(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service is SERVING while its dependencies answer, and again once they are back."""
    assert await health(api) == [SERVING] * 6
    api.read_model.unavailable = True
    await api.server.health_monitor.check()
    assert await health(api) == [*[NOT_SERVING] * 4, SERVING, SERVING]
    api.read_model.unavailable, api.read_model.held_at = False, 0

    async def unavailable() -> int:
        raise LogUnavailable("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(api.store, "last_position", unavailable)
        await api.server.health_monitor.check()
        assert await health(api) == [NOT_SERVING, NOT_SERVING, SERVING, *[NOT_SERVING] * 3]
    await api.server.health_monitor.check()
    assert await health(api) == [SERVING] * 6


async def test_live_updates_that_stand_still_are_named(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The health service, the probe and an alarm name the part. When it moves again all three are withdrawn."""
    monitor = api.server.health_monitor
    broadcast = api.server._job_service.broadcast

    async def stuck(after: int) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        await asyncio.Event().wait()
        yield []

    async def live_updates() -> int:
        stub = health_pb2_grpc.HealthStub(api.channel)
        return int((await stub.Check(health_pb2.HealthCheckRequest(service="live updates"))).status)

    monkeypatch.setattr(broadcast, "_standstill", Standstill(1e-9))
    with monkeypatch.context() as patch:
        patch.setattr(api.store, "follow", stuck)
        stream = api.jobs.WatchJobs(pb.WatchJobsRequest(after=0))
        await until_true(lambda: broadcast.watchers, "the stream is attached")
        await api.submit()
    for _ in range(2):
        await monitor.check()
    listed = await api.jobs.ListAlarms(pb.ListAlarmsRequest())
    assert await live_updates() == NOT_SERVING
    assert [alarm.name for alarm in listed.alarms] == ["standstill-live-updates"]
    assert monitor.missing() == ["live updates stand still at position 0, the log is at 1"]
    await collected(stream, 1)
    await monitor.check()
    listed = await api.jobs.ListAlarms(pb.ListAlarmsRequest())
    assert (await live_updates(), list(listed.alarms), monitor.missing()) == (SERVING, [], [])
    assert "kinolog_api_live_restarts_total 1" in metrics_text(monitor.metrics())
    stream.cancel()


async def test_health_of_an_unknown_service(api: RunningApi) -> None:
    """The health of an unknown service is NOT_FOUND."""
    stub = health_pb2_grpc.HealthStub(api.channel)
    problem = await refused(stub.Check(health_pb2.HealthCheckRequest(service="nothing")))
    assert problem.code is grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_the_services(api: RunningApi) -> None:
    """Reflection lists the services and returns their descriptors."""
    stub = reflection_pb2_grpc.ServerReflectionStub(api.channel)
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="kinolog.v1.JobService"),
    ]
    answers = [answer async for answer in stub.ServerReflectionInfo(iter(requests))]
    names = {service.name for service in answers[0].list_services_response.service}
    assert set(SERVICES[1:]) < names
    assert answers[1].file_descriptor_response.file_descriptor_proto


async def test_a_port_in_use(api: RunningApi) -> None:
    """The error for an address in use names the address and the setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenFailed, match=f"127.0.0.1:{port}.*KINOLOG_API_PORT"):
            await api.server.start("127.0.0.1", port)


async def test_unexpected_errors(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected exception is INTERNAL with a reference to the log. Neither contains the prompt."""

    async def breaks(*arguments: object) -> None:
        try:
            {}[PROMPT]  # type: ignore[index]  # the lookup is to fail
        except KeyError as error:
            raise RuntimeError(f"cannot handle {PROMPT}") from error

    monkeypatch.setattr(api.store, "append", breaks)
    problem = await refused(api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert problem.metadata["reference"] in problem.message
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [getattr(record, "reference", "") for record in logged] == [problem.metadata["reference"]]
    lines = "".join(TextLines("api").format(record) for record in logged)
    assert lines.index("KeyError") < lines.index("which led to") < lines.rindex("RuntimeError")
    assert "Quillfeather" not in lines + problem.message
    batch = pb.BatchSubmitJobsRequest(requests=[pb.SubmitJobRequest(prompt=PROMPT)] * 2)
    answer = await api.jobs.BatchSubmitJobs(batch)
    assert [result.error.code for result in answer.results] == [13, 13]


async def test_the_log_is_unavailable(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the log does not answer, writes are UNAVAILABLE with a retry delay."""

    async def unavailable(commit: object) -> None:
        raise LogUnavailable("no answer")

    monkeypatch.setattr(api.store, "append", unavailable)
    problem = await refused(api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAVAILABLE, "LOG_UNAVAILABLE")
    assert problem.retry_seconds == 1.0


async def test_log_lines_of_a_job(api: RunningApi) -> None:
    """Log lines are listed oldest first: the last ones, or the first after a sequence, from a minimum severity."""
    job_id = await api.submit()
    levels = [LogLevel.INFO, LogLevel.WARNING, LogLevel.INFO]
    api.read_model.lines = [
        LogLine(
            job_id=job_id, attempt=1, at=api.clock(), level=level, message=f"line {number}", sequence=number
        )
        for number, level in enumerate(levels, 1)
    ]

    async def lines(**fields: Any) -> list[str]:
        request = pb.ListLogEntriesRequest(job_id=job_id, **fields)
        return [entry.message for entry in (await api.jobs.ListLogEntries(request)).entries]

    assert await lines() == ["line 1", "line 2", "line 3"]
    assert await lines(page_size=1) == ["line 3"]
    assert await lines(after_sequence=1, page_size=1) == ["line 2"]
    assert await lines(min_level=job_pb2.LOG_LEVEL_WARNING) == ["line 2"]
    assert await lines(after_sequence=2**64 - 1) == []


async def test_charts_of_the_last_week(api: RunningApi) -> None:
    """Charts cover the last seven days unless a range is given, and return the values of the read model."""
    await api.complete(await api.submit())
    await api.fail(await api.submit())
    overview = await api.analytics.GetOverview(an.GetOverviewRequest())
    assert (overview.submitted, overview.success_rate) == (2, 0.5)
    assert overview.HasField("p95_seconds")
    span = api.read_model.spans[-1]
    assert (span.end - span.start).days == 7
    rates = await api.analytics.GetSuccessRates(an.GetSuccessRatesRequest())
    assert [rate.priority for rate in rates.rates] == [1, 2, 3, 4]
    depth = await api.analytics.GetQueueDepth(an.GetQueueDepthRequest(bucket_seconds=600))
    last = depth.points[-1]
    assert (depth.bucket_seconds, last.queued, last.processing) == (600, 0, 0)
    assert max(point.peak_queued for point in depth.points) == 1
    assert max(point.peak_processing for point in depth.points) == 1
    trends = await api.analytics.GetTrends(an.GetTrendsRequest())
    ends = [(point.submitted, point.completed, point.failed) for point in trends.points if point.submitted]
    assert ends == [(2, 1, 1)]
    assert not (await api.analytics.GetStageTimes(an.GetStageTimesRequest())).stages


async def test_activity_of_the_tenant(api: RunningApi) -> None:
    """The feed lists the tenant's events, newest first, and pages by position."""
    await api.submit()
    await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt="x"), metadata=((TENANT_KEY, "other"),))
    await api.submit()
    feed = await api.analytics.ListActivity(an.ListActivityRequest())
    assert [entry.position for entry in feed.entries] == [3, 1]
    earlier = await api.analytics.ListActivity(an.ListActivityRequest(before_position=3, page_size=1))
    assert [entry.position for entry in earlier.entries] == [1]
    everything = await api.analytics.ListActivity(an.ListActivityRequest(before_position=2**64 - 1))
    assert len(everything.entries) == len(feed.entries)
