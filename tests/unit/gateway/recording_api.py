"""A gRPC api for the gateway's tests: a real server that records what it is asked.

It keeps jobs in a dictionary and their commits in a list, checks requests by the rules of the contract, and streams
like the real one: commits once and in order, weather behind the commits that it knows of.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import protovalidate
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from kinolog.ids import job_id as id_of
from kinolog.ids import new_id
from kinolog.v1 import analytics_service_pb2_grpc, audit_service_pb2_grpc, event_pb2, job_service_pb2_grpc
from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from tests.unit.gateway import canned

START = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


class Refusal(Exception):
    """An answer that is an error, with google.rpc details as the api sends them."""

    def __init__(
        self, code: grpc.StatusCode, reason: str, message: str, violations: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status_pb2.Status(code=code.value[0], message=message)
        self._add(error_details_pb2.ErrorInfo(reason=reason, domain="kinolog"))
        if violations:
            bad = error_details_pb2.BadRequest()
            for field, description in violations.items():
                bad.field_violations.add(field=field, description=description)
            self._add(bad)

    def _add(self, detail: Message) -> None:
        packed = AnyMessage()
        packed.Pack(detail)
        self.status.details.append(packed)


def not_found(job_id: str) -> Refusal:
    """There is no such job."""
    return Refusal(grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND", f"there is no job {job_id}")


class RecordingApi:
    """The api: what it was asked, what it knows, and how it shall fail."""

    def __init__(self, first_position: int = 0) -> None:
        self.calls: list[tuple[str, Any, dict[str, str]]] = []
        self.failures: dict[str, Refusal] = {}
        self.jobs: dict[str, pb.Job] = {}
        self.log: list[jobs.WatchJobsResponse] = []
        self.lines: dict[str, list[pb.LogEntry]] = {}
        self.files: dict[tuple[str, int, int], bytes] = {}
        self.read_bytes = 0
        self.open_streams = 0
        self.position = first_position
        self._watchers: set[asyncio.Queue[jobs.WatchJobsResponse | None]] = set()
        self._moved = asyncio.Condition()
        self._validator = protovalidate.Validator()
        self._server: aio.Server | None = None
        self.port = 0

    async def start(self) -> str:
        """Serve, on the port it had before if any; the target to reach it."""
        server = aio.server()
        job_service_pb2_grpc.add_JobServiceServicer_to_server(_Jobs(self), server)
        analytics_service_pb2_grpc.add_AnalyticsServiceServicer_to_server(_Analytics(self), server)
        audit_service_pb2_grpc.add_AuditServiceServicer_to_server(_Audit(self), server)
        health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        await health.set("", health_pb2.HealthCheckResponse.SERVING)
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        await server.start()
        self._server = server
        return f"127.0.0.1:{self.port}"

    async def stop(self) -> None:
        """Break every call and stop."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    def asked(self, method: str) -> list[Any]:
        """The requests that a method got."""
        return [request for name, request, _ in self.calls if name == method]

    def add_job(self, **fields: Any) -> pb.Job:
        """A job, committed as just submitted."""
        job = canned.job(**{"id": new_id(), **fields})
        return self.commit(job, "submitted", "queued")

    def commit(self, job: pb.Job, *events: str) -> pb.Job:
        """Put the job into the log as it stands now, and tell whoever watches."""
        self.position += 1
        job.position, job.version = self.position, job.version + len(events)
        job.updated_at.FromDatetime(START + timedelta(seconds=self.position))
        self.jobs[job.id] = job
        update = jobs.WatchJobsResponse(position=self.position, job=job, events=events)
        self.log.append(update)
        self._tell(update)
        return job

    def weather(self, **update: Any) -> None:
        """Send progress, a preview or a log line to whoever watches."""
        if "log" in update:
            self.lines.setdefault(update["log"].job_id, []).append(update["log"])
        self._tell(jobs.WatchJobsResponse(position=self.position, **update))

    async def watched(self, streams: int = 1) -> None:
        """Wait until so many streams are open."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.open_streams == streams)

    def _tell(self, update: jobs.WatchJobsResponse) -> None:
        for watcher in self._watchers:
            watcher.put_nowait(update)

    def admit(self, method: str, request: Any, context: Any) -> None:
        """Record a call and check it. Raises Refusal."""
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        self.calls.append((method, request, metadata))
        if method in self.failures:
            raise self.failures[method]
        found = {
            ".".join(element.field_name for element in violation.proto.field.elements)
            if violation.proto.field
            else "": violation.proto.message
            for violation in self._validator.collect_violations(request)
        }
        if found:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", "fields are wrong", found)

    def get(self, job_id: str) -> pb.Job:
        """A job, or a Refusal."""
        if job_id not in self.jobs:
            raise not_found(job_id)
        return self.jobs[job_id]

    async def watch(
        self, after: int | None, wants: Callable[[jobs.WatchJobsResponse], bool]
    ) -> AsyncIterator[jobs.WatchJobsResponse]:
        """What lies behind `after`, then what comes."""
        if after is not None and after > self.position:
            raise Refusal(grpc.StatusCode.OUT_OF_RANGE, "POSITION_AHEAD", f"the log ends at {self.position}")
        live: asyncio.Queue[jobs.WatchJobsResponse | None] = asyncio.Queue()
        self._watchers.add(live)
        await self._count_stream(1)
        try:
            for update in list(self.log):
                if after is not None and after < update.position and wants(update):
                    yield update
            while (update := await live.get()) is not None:  # type: ignore[assignment]  # None ends it
                if wants(update):
                    yield update
        finally:
            self._watchers.discard(live)
            await self._count_stream(-1)

    async def _count_stream(self, change: int) -> None:
        async with self._moved:
            self.open_streams += change
            self._moved.notify_all()


async def _refuse(context: Any, refusal: Refusal) -> None:
    trailing = (("grpc-status-details-bin", refusal.status.SerializeToString()),)
    await context.abort(refusal.code, refusal.status.message, trailing)


def _unary(answer: Callable[..., Any]) -> Any:
    """A servicer's method from a function of api and request."""

    async def method(self: Any, request: Any, context: Any) -> Any:
        try:
            self.api.admit(answer.__name__, request, context)
            return answer(self.api, request)
        except Refusal as refusal:
            await _refuse(context, refusal)

    return method


def _moves(response: type[Any], status: pb.Status.ValueType | None, *events: str) -> Callable[..., Any]:
    def answer(api: RecordingApi, request: Any) -> Any:
        job = api.get(request.job_id)
        changed = pb.Job()
        changed.CopyFrom(job)
        if status is not None:
            changed.status = status
        if hasattr(request, "priority"):
            changed.priority = request.priority
        api.commit(changed, *events)
        return response(job=changed, position=api.position)

    return answer


def SubmitJob(api: RecordingApi, request: jobs.SubmitJobRequest) -> jobs.SubmitJobResponse:  # noqa: N802
    """Make a job, or find the one of the same request id."""
    job_id = id_of("default", request.request_id)
    if job_id in api.jobs:
        job = api.jobs[job_id]
        if job.spec.prompt != request.prompt:
            raise Refusal(
                grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", "another body had this request_id"
            )
        return jobs.SubmitJobResponse(job=job, position=job.position, created=False)
    job = api.add_job(id=job_id, prompt=request.prompt, request_id=request.request_id)
    return jobs.SubmitJobResponse(job=job, position=job.position, created=True)


def GetJob(api: RecordingApi, request: jobs.GetJobRequest) -> jobs.GetJobResponse:  # noqa: N802
    """Find a job."""
    return jobs.GetJobResponse(job=api.get(request.job_id))


def ListJobs(api: RecordingApi, request: jobs.ListJobsRequest) -> jobs.ListJobsResponse:  # noqa: N802
    """List jobs of these statuses."""
    found = [
        job
        for job in api.jobs.values()
        if not request.filter.statuses or job.status in request.filter.statuses
    ]
    size = request.page_size or 20
    page = found[request.offset : request.offset + size]
    token = "more" if len(found) > request.offset + size else ""
    return jobs.ListJobsResponse(
        jobs=page, next_page_token=token, total_size=len(found), position=api.position
    )


def SummarizeJobs(api: RecordingApi, request: jobs.SummarizeJobsRequest) -> jobs.SummarizeJobsResponse:  # noqa: N802
    """Count jobs by status."""
    counts = canned.counts(list(api.jobs.values()))
    return jobs.SummarizeJobsResponse(**counts, position=api.position)


def GetStoryboard(api: RecordingApi, request: jobs.GetStoryboardRequest) -> jobs.GetStoryboardResponse:  # noqa: N802
    """The scenes of a job."""
    scenes = api.get(request.job_id).scenes
    return jobs.GetStoryboardResponse(scenes=scenes, duration_seconds=sum(s.duration_seconds for s in scenes))


def GetResult(api: RecordingApi, request: jobs.GetResultRequest) -> jobs.GetResultResponse:  # noqa: N802
    """The result of a completed job."""
    job = api.get(request.job_id)
    if job.status != pb.STATUS_COMPLETED:
        raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "NOT_COMPLETED", "the job is not completed yet")
    return jobs.GetResultResponse(
        artifacts=job.artifacts, media=job.media, completed_at=job.finished_at, gpu_seconds=job.gpu_seconds
    )


def ListLogEntries(api: RecordingApi, request: jobs.ListLogEntriesRequest) -> jobs.ListLogEntriesResponse:  # noqa: N802
    """The last lines, or the first ones after a sequence."""
    api.get(request.job_id)
    size = request.page_size or 20
    lines = [line for line in api.lines.get(request.job_id, []) if line.level >= request.min_level]
    if request.after_sequence:
        lines = [line for line in lines if line.sequence > request.after_sequence][:size]
    return jobs.ListLogEntriesResponse(entries=lines[-size:])


def ListModels(api: RecordingApi, request: jobs.ListModelsRequest) -> jobs.ListModelsResponse:  # noqa: N802
    """The catalogue."""
    return jobs.ListModelsResponse(models=[canned.model()])


def ListWorkers(api: RecordingApi, request: jobs.ListWorkersRequest) -> jobs.ListWorkersResponse:  # noqa: N802
    """The workers."""
    return jobs.ListWorkersResponse(workers=[canned.worker()])


def GetHistory(api: RecordingApi, request: audit.GetHistoryRequest) -> audit.GetHistoryResponse:  # noqa: N802
    """The commits of a job up to a position."""
    api.get(request.job_id)
    until = request.position if request.HasField("position") else api.position
    found = [u for u in api.log if u.job.id == request.job_id and u.position <= until]
    answer = audit.GetHistoryResponse(commits=[canned.recorded_commit(u) for u in found])
    if found:
        answer.job.CopyFrom(found[-1].job)
    return answer


def _bulk(response: type[Any], status: pb.Status.ValueType, event: str) -> Callable[..., Any]:
    def answer(api: RecordingApi, request: Any) -> Any:
        results = []
        for job_id in request.selection.job_ids or list(api.jobs):
            if job_id in api.jobs:
                job = api.jobs[job_id]
                job.status = status
                api.commit(job, event)
                results.append(jobs.BulkResult(job_id=job_id, position=job.position, status=status))
            else:
                results.append(jobs.BulkResult(job_id=job_id, error=not_found(job_id).status))
        return response(results=results, position=api.position)

    return answer


def _named(name: str, answer: Callable[..., Any]) -> Any:
    answer.__name__ = name
    return _unary(answer)


class _Jobs(job_service_pb2_grpc.JobServiceServicer):
    def __init__(self, api: RecordingApi) -> None:
        self.api = api

    SubmitJob = _unary(SubmitJob)
    GetJob = _unary(GetJob)
    ListJobs = _unary(ListJobs)
    SummarizeJobs = _unary(SummarizeJobs)
    GetStoryboard = _unary(GetStoryboard)
    GetResult = _unary(GetResult)
    ListLogEntries = _unary(ListLogEntries)
    ListModels = _unary(ListModels)
    ListWorkers = _unary(ListWorkers)
    CancelJob = _named(
        "CancelJob", _moves(jobs.CancelJobResponse, pb.STATUS_CANCELLED, "cancel_requested", "cancelled")
    )
    RetryJob = _named("RetryJob", _moves(jobs.RetryJobResponse, pb.STATUS_QUEUED, "retried", "queued"))
    ReprioritizeJob = _named("ReprioritizeJob", _moves(jobs.ReprioritizeJobResponse, None, "reprioritized"))
    PrefetchJob = _named("PrefetchJob", _moves(jobs.PrefetchJobResponse, None, "prefetch_requested"))
    EraseJob = _named("EraseJob", _moves(jobs.EraseJobResponse, None, "erased"))
    BulkCancelJobs = _named(
        "BulkCancelJobs", _bulk(jobs.BulkCancelJobsResponse, pb.STATUS_CANCELLED, "cancelled")
    )
    BulkRetryJobs = _named("BulkRetryJobs", _bulk(jobs.BulkRetryJobsResponse, pb.STATUS_QUEUED, "retried"))
    BulkReprioritizeJobs = _named(
        "BulkReprioritizeJobs", _bulk(jobs.BulkReprioritizeJobsResponse, pb.STATUS_QUEUED, "reprioritized")
    )
    BulkEraseJobs = _named("BulkEraseJobs", _bulk(jobs.BulkEraseJobsResponse, pb.STATUS_COMPLETED, "erased"))

    async def ReadArtifact(self, request: Any, context: Any) -> Any:
        try:
            self.api.admit("ReadArtifact", request, context)
            data = self.api.files[request.job_id, request.kind, request.scene]
            end = request.offset + request.limit if request.limit else len(data)
            for start in range(request.offset, end, 65_536):
                part = data[start : min(end, start + 65_536)]
                self.api.read_bytes += len(part)
                yield jobs.ReadArtifactResponse(data=part)
        except Refusal as refusal:
            await _refuse(context, refusal)

    async def WatchJob(self, request: Any, context: Any) -> Any:
        try:
            self.api.admit("WatchJob", request, context)
            self.api.get(request.job_id)
            after = request.after if request.HasField("after") else 0
            async for update in self.api.watch(after, lambda u: u.job.id == request.job_id):
                yield update
        except Refusal as refusal:
            await _refuse(context, refusal)

    async def WatchJobs(self, request: Any, context: Any) -> Any:
        try:
            self.api.admit("WatchJobs", request, context)
            after = request.after if request.HasField("after") else None
            kinds = {"job", *(kind for kind in ("progress",) if request.progress)}
            kinds |= {"log"} if request.logs else set()
            kinds |= {"preview"} if request.previews else set()
            async for update in self.api.watch(after, lambda u: u.WhichOneof("update") in kinds):
                yield update
        except Refusal as refusal:
            await _refuse(context, refusal)


class _Analytics(analytics_service_pb2_grpc.AnalyticsServiceServicer):
    def __init__(self, api: RecordingApi) -> None:
        self.api = api

    GetOverview = _named("GetOverview", lambda api, request: canned.overview())
    GetSuccessRates = _named("GetSuccessRates", lambda api, request: canned.success_rates())
    GetStageTimes = _named("GetStageTimes", lambda api, request: canned.stage_times())
    GetQueueDepth = _named("GetQueueDepth", lambda api, request: canned.queue_depth())
    GetTrends = _named("GetTrends", lambda api, request: canned.trends())
    ListActivity = _named("ListActivity", lambda api, request: canned.activity())


class _Audit(audit_service_pb2_grpc.AuditServiceServicer):
    def __init__(self, api: RecordingApi) -> None:
        self.api = api

    GetHistory = _unary(GetHistory)


__all__ = ["RecordingApi", "Refusal", "event_pb2", "not_found"]
