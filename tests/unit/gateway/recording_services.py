"""The services of the recording api: the response of each method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from grpc import aio

from kinolog.ids import job_id as id_of
from kinolog.v1 import access_service_pb2 as access
from kinolog.v1 import (
    access_service_pb2_grpc,
    analytics_service_pb2_grpc,
    audit_service_pb2_grpc,
    job_service_pb2_grpc,
    ticket_service_pb2_grpc,
)
from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog.v1 import ticket_service_pb2 as tickets
from tests.unit.gateway import canned
from tests.unit.gateway.canned_usage import USAGE
from tests.unit.gateway.recording_api import RecordingApi, Refusal, not_found
from tests.unit.gateway.recording_storyboards import GetStoryboard, PlanJob
from tests.unit.gateway.recording_webhooks import serve_webhooks


async def _refuse(context: Any, refusal: Refusal) -> None:
    trailing = (("grpc-status-details-bin", refusal.status.SerializeToString()),)
    await context.abort(refusal.code, refusal.status.message, trailing)


def _unary(respond: Callable[..., Any]) -> Any:
    """Return a servicer's method from a function of api and request."""

    async def method(self: Any, request: Any, context: Any) -> Any:
        try:
            self.api.admit(respond.__name__, request, context)
            if self.api.stale_seconds:
                context.set_trailing_metadata((("kinolog-stale-seconds", str(self.api.stale_seconds)),))
            return respond(self.api, request)
        except Refusal as refusal:
            await _refuse(context, refusal)

    return method


def _command(response: type[Any], status: pb.Status.ValueType | None, *events: str) -> Callable[..., Any]:
    def respond(api: RecordingApi, request: Any) -> Any:
        job = api.get(request.job_id)
        changed = pb.Job()
        changed.CopyFrom(job)
        if status is not None:
            changed.status = status
        if hasattr(request, "priority"):
            changed.priority = request.priority
        api.commit(changed, *events)
        return response(job=changed, position=api.position)

    return respond


def SubmitJob(api: RecordingApi, request: jobs.SubmitJobRequest) -> jobs.SubmitJobResponse:  # noqa: N802
    """Create a job, or return the one of the same request id."""
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
    """Return a job."""
    return jobs.GetJobResponse(job=api.get(request.job_id))


def ListJobs(api: RecordingApi, request: jobs.ListJobsRequest) -> jobs.ListJobsResponse:  # noqa: N802
    """List jobs of these statuses. Like the real api, do not count matches of a text."""
    found = [
        job
        for job in api.jobs.values()
        if not request.filter.statuses or job.status in request.filter.statuses
    ]
    size = request.page_size or 20
    page = found[request.offset : request.offset + size]
    token = "more" if len(found) > request.offset + size else ""
    total = None if request.filter.text else len(found)
    return jobs.ListJobsResponse(jobs=page, next_page_token=token, total_size=total, position=api.position)


def SummarizeJobs(api: RecordingApi, request: jobs.SummarizeJobsRequest) -> jobs.SummarizeJobsResponse:  # noqa: N802
    """Count jobs by status."""
    counts = canned.counts(list(api.jobs.values()))
    return jobs.SummarizeJobsResponse(**counts, position=api.position)


def GetResult(api: RecordingApi, request: jobs.GetResultRequest) -> jobs.GetResultResponse:  # noqa: N802
    """Return the result of a completed job."""
    job = api.get(request.job_id)
    if job.status != pb.STATUS_COMPLETED:
        raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "NOT_COMPLETED", "the job is not completed yet")
    return jobs.GetResultResponse(
        artifacts=job.artifacts, media=job.media, completed_at=job.finished_at, gpu_seconds=job.gpu_seconds
    )


def ListLogEntries(api: RecordingApi, request: jobs.ListLogEntriesRequest) -> jobs.ListLogEntriesResponse:  # noqa: N802
    """Return the last lines, or the first ones after a sequence."""
    api.get(request.job_id)
    size = request.page_size or 20
    lines = [line for line in api.lines.get(request.job_id, []) if line.level >= request.min_level]
    if request.after_sequence:
        lines = [line for line in lines if line.sequence > request.after_sequence][:size]
    return jobs.ListLogEntriesResponse(entries=lines[-size:])


def ListModels(api: RecordingApi, request: jobs.ListModelsRequest) -> jobs.ListModelsResponse:  # noqa: N802
    """Return the catalogue."""
    return jobs.ListModelsResponse(models=[canned.model()], loras=[canned.LORA])


def ListWorkers(api: RecordingApi, request: jobs.ListWorkersRequest) -> jobs.ListWorkersResponse:  # noqa: N802
    """Return the workers."""
    return jobs.ListWorkersResponse(workers=[canned.worker()])


def ListAlarms(api: RecordingApi, request: jobs.ListAlarmsRequest) -> jobs.ListAlarmsResponse:  # noqa: N802
    """Return the alarms."""
    return jobs.ListAlarmsResponse(alarms=api.alarms)


def GetHistory(api: RecordingApi, request: audit.GetHistoryRequest) -> audit.GetHistoryResponse:  # noqa: N802
    """Return the commits of a job up to a position."""
    api.get(request.job_id)
    until = request.position if request.HasField("position") else api.position
    found = [u for u in api.log if u.job.id == request.job_id and u.position <= until]
    history = audit.GetHistoryResponse(commits=[canned.recorded_commit(u) for u in found])
    if found:
        history.job.CopyFrom(found[-1].job)
    return history


def VerifyJob(api: RecordingApi, request: audit.VerifyJobRequest) -> audit.VerifyJobResponse:  # noqa: N802
    """Return the proof of a job."""
    api.get(request.job_id)
    return canned.proof()


def _bulk(response: type[Any], status: pb.Status.ValueType, event: str) -> Callable[..., Any]:
    def respond(api: RecordingApi, request: Any) -> Any:
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

    return respond


def _not_offered(api: RecordingApi, request: Any) -> Any:
    raise Refusal(grpc.StatusCode.UNIMPLEMENTED, "NOT_OFFERED", "the gateway does not call this")


def _named(name: str, respond: Callable[..., Any]) -> Any:
    respond.__name__ = name
    return _unary(respond)


class _Jobs(job_service_pb2_grpc.JobServiceServicer):
    def __init__(self, api: RecordingApi) -> None:
        self.api = api

    SubmitJob = _unary(SubmitJob)
    PlanJob = _unary(PlanJob)
    GetJob = _unary(GetJob)
    ListJobs = _unary(ListJobs)
    SummarizeJobs = _unary(SummarizeJobs)
    GetStoryboard = _unary(GetStoryboard)
    GetResult = _unary(GetResult)
    ListLogEntries = _unary(ListLogEntries)
    ListModels = _unary(ListModels)
    ListWorkers = _unary(ListWorkers)
    ListAlarms = _unary(ListAlarms)
    CancelJob = _named(
        "CancelJob", _command(jobs.CancelJobResponse, pb.STATUS_CANCELLED, "cancel_requested", "cancelled")
    )
    RetryJob = _named("RetryJob", _command(jobs.RetryJobResponse, pb.STATUS_QUEUED, "retried", "queued"))
    ReprioritizeJob = _named("ReprioritizeJob", _command(jobs.ReprioritizeJobResponse, None, "reprioritized"))
    PrefetchJob = _named("PrefetchJob", _command(jobs.PrefetchJobResponse, None, "prefetch_requested"))
    EraseJob = _named("EraseJob", _command(jobs.EraseJobResponse, None, "erased"))
    BulkCancelJobs = _named(
        "BulkCancelJobs", _bulk(jobs.BulkCancelJobsResponse, pb.STATUS_CANCELLED, "cancelled")
    )
    BulkRetryJobs = _named("BulkRetryJobs", _bulk(jobs.BulkRetryJobsResponse, pb.STATUS_QUEUED, "retried"))
    BulkReprioritizeJobs = _named(
        "BulkReprioritizeJobs", _bulk(jobs.BulkReprioritizeJobsResponse, pb.STATUS_QUEUED, "reprioritized")
    )
    BulkEraseJobs = _named("BulkEraseJobs", _bulk(jobs.BulkEraseJobsResponse, pb.STATUS_COMPLETED, "erased"))

    async def UploadInput(self, parts: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        received: list[Any] = []
        self.api.uploads.append(received)
        try:
            async for part in parts:
                if not received:
                    self.api.admit("UploadInput", part, context)
                received.append(part)
            content = b"".join(part.data for part in received)
            return jobs.UploadInputResponse(upload=canned.upload(content))
        except Refusal as refusal:
            async for _ in parts:
                pass
            await _refuse(context, refusal)

    BatchSubmitJobs = _named("BatchSubmitJobs", _not_offered)

    async def ReadArtifact(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        context.add_done_callback(lambda _: self.api.download_ended.set())
        try:
            self.api.admit("ReadArtifact", request, context)
            data = self.api.files[request.job_id, request.kind, request.scene or request.input]
            end = request.offset + request.limit if request.limit else len(data)
            for start in range(request.offset, end, 65_536):
                part = data[start : min(end, start + 65_536)]
                self.api.read_bytes += len(part)
                described = canned.artifact(request.kind, data) if start == request.offset else None
                yield jobs.ReadArtifactResponse(data=part, artifact=described)
            self.api.downloads_done += 1
        except Refusal as refusal:
            await _refuse(context, refusal)

    async def ExportVideo(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        context.add_done_callback(lambda _: self.api.download_ended.set())
        try:
            self.api.admit("ExportVideo", request, context)
            self.api.get(request.job_id)
            yield jobs.ExportVideoResponse(media_type="image/gif")
            for part in (b"GIF89a", b"", b"rest"):
                yield jobs.ExportVideoResponse(data=part)
        except Refusal as refusal:
            await _refuse(context, refusal)

    async def WatchJob(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        try:
            self.api.admit("WatchJob", request, context)
            self.api.get(request.job_id)
            after = request.after if request.HasField("after") else 0
            async for update in self.api.watch(after, lambda u: u.job.id == request.job_id):
                yield update
        except Refusal as refusal:
            await _refuse(context, refusal)

    async def WatchJobs(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        try:
            self.api.admit("WatchJobs", request, context)
            after = request.after if request.HasField("after") else None
            kinds: set[str | None] = {"job", *(kind for kind in ("progress",) if request.progress)}
            kinds |= {"log"} if request.logs else set()
            kinds |= {"preview"} if request.previews else set()
            kinds |= {None} if request.heartbeat_seconds else set()
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
    VerifyJob = _unary(VerifyJob)
    ReplayLog = _named("ReplayLog", _not_offered)


class _Access(access_service_pb2_grpc.AccessServiceServicer):
    def __init__(self, api: RecordingApi) -> None:
        self.api = api

    WhoAmI = _named("WhoAmI", lambda api, request: access.WhoAmIResponse(tenant="default", actor="ada"))
    GetUsage = _named("GetUsage", lambda api, request: USAGE)
    CreateKey = _named(
        "CreateKey",
        lambda api, request: access.CreateKeyResponse(
            key=canned.api_key(request.actor), secret="kino_secret"
        ),
    )
    ListKeys = _named("ListKeys", lambda api, request: access.ListKeysResponse(keys=[canned.api_key()]))
    RevokeKey = _named("RevokeKey", lambda api, request: access.RevokeKeyResponse(key=canned.api_key()))


class _Tickets(ticket_service_pb2_grpc.TicketServiceServicer):
    def __init__(self, api: RecordingApi) -> None:
        self.api = api

    CreateFileTicket = _named(
        "CreateFileTicket",
        lambda api, request: tickets.CreateFileTicketResponse(
            ticket="kinot1.files", expires_at=canned.at(59)
        ),
    )
    CreateLiveTicket = _named(
        "CreateLiveTicket",
        lambda api, request: tickets.CreateLiveTicketResponse(ticket="kinot1.live", expires_at=canned.at(59)),
    )
    RedeemTicket = _named(
        "RedeemTicket",
        lambda api, request: tickets.RedeemTicketResponse(
            credential="kinot1.connection", tenant="studio", expires_at=canned.at(59)
        ),
    )


def serve_all(api: RecordingApi, server: aio.Server) -> None:
    """Add the services to a server."""
    job_service_pb2_grpc.add_JobServiceServicer_to_server(_Jobs(api), server)
    analytics_service_pb2_grpc.add_AnalyticsServiceServicer_to_server(_Analytics(api), server)
    audit_service_pb2_grpc.add_AuditServiceServicer_to_server(_Audit(api), server)
    access_service_pb2_grpc.add_AccessServiceServicer_to_server(_Access(api), server)
    ticket_service_pb2_grpc.add_TicketServiceServicer_to_server(_Tickets(api), server)
    serve_webhooks(api, server, _named)
