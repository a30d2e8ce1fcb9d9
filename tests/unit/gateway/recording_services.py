"""The services of the recording api, and what JobService answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

from kinolog.ids import job_id as id_of
from kinolog.v1 import (
    access_service_pb2,
    analytics_service_pb2,
    audit_service_pb2,
    export_service_pb2,
    job_service_pb2,
    schedule_service_pb2,
    ticket_service_pb2,
    webhook_service_pb2,
)
from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from tests.unit.gateway import canned
from tests.unit.gateway.recording_answers import ACCESS, ANALYTICS, AUDIT, TICKETS
from tests.unit.gateway.recording_api import RecordingApi, Refusal, not_found
from tests.unit.gateway.recording_exports import ExportStreams, refuse
from tests.unit.gateway.recording_live_video import read_live_video
from tests.unit.gateway.recording_schedules import SCHEDULES
from tests.unit.gateway.recording_storyboards import get_storyboard, plan_job
from tests.unit.gateway.recording_webhooks import WEBHOOKS


def _unary(api: RecordingApi, name: str, respond: Callable[..., Any]) -> Any:
    """Return a handler from a function of api and request."""

    async def method(request: Any, context: Any) -> Any:
        try:
            api.admit(name, request, context)
            if api.stale_seconds:
                context.set_trailing_metadata((("kinolog-stale-seconds", str(api.stale_seconds)),))
            return respond(api, request)
        except Refusal as refusal:
            await refuse(context, refusal)

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


def submit_job(api: RecordingApi, request: jobs.SubmitJobRequest) -> jobs.SubmitJobResponse:
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
    variants = [
        api.add_job(
            id=id_of("default", f"{job_id}{number}"), prompt=request.prompt, variant_of=job_id, variant=number
        )
        for number in range(2, request.variants + 1)
    ]
    answer = jobs.SubmitJobResponse(job=job, position=api.position, created=True)
    answer.variants.extend([job, *variants] if variants else [])
    return answer


def reproduce_job(api: RecordingApi, request: jobs.ReproduceJobRequest) -> jobs.ReproduceJobResponse:
    """Create a completed job. It compares with the original as the original does with its own, or is identical."""
    original = api.get(request.job_id)
    same = pb.Reproduction(
        original=original.id, original_frame_hash=original.media.frame_hash, identical=True
    )
    fields = {"priority": request.priority, "reproduces": original.id, "request_id": request.request_id}
    job = api.add_job(id=id_of("default", request.request_id), prompt=original.spec.prompt, **fields)
    job.reproduction.CopyFrom(original.reproduction if original.HasField("reproduction") else same)
    api.commit(canned.completed(job), "completed")
    return jobs.ReproduceJobResponse(job=job, position=job.position, created=True)


def get_job(api: RecordingApi, request: jobs.GetJobRequest) -> jobs.GetJobResponse:
    """Return a job."""
    return jobs.GetJobResponse(job=api.get(request.job_id))


def list_jobs(api: RecordingApi, request: jobs.ListJobsRequest) -> jobs.ListJobsResponse:
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


def summarize_jobs(api: RecordingApi, request: jobs.SummarizeJobsRequest) -> jobs.SummarizeJobsResponse:
    """Count jobs by status."""
    counts = canned.counts(list(api.jobs.values()))
    return jobs.SummarizeJobsResponse(**counts, position=api.position)


def get_result(api: RecordingApi, request: jobs.GetResultRequest) -> jobs.GetResultResponse:
    """Return the result of a completed job."""
    job = api.get(request.job_id)
    if job.status != pb.STATUS_COMPLETED:
        raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "NOT_COMPLETED", "the job is not completed yet")
    return jobs.GetResultResponse(
        artifacts=job.artifacts, media=job.media, completed_at=job.finished_at, gpu_seconds=job.gpu_seconds
    )


def list_log_entries(api: RecordingApi, request: jobs.ListLogEntriesRequest) -> jobs.ListLogEntriesResponse:
    """Return the last lines, or the first ones after a sequence."""
    api.get(request.job_id)
    size = request.page_size or 20
    lines = [line for line in api.lines.get(request.job_id, []) if line.level >= request.min_level]
    if request.after_sequence:
        lines = [line for line in lines if line.sequence > request.after_sequence][:size]
    return jobs.ListLogEntriesResponse(entries=lines[-size:])


def list_models(api: RecordingApi, request: jobs.ListModelsRequest) -> jobs.ListModelsResponse:
    """Return the catalogue."""
    return jobs.ListModelsResponse(models=[canned.model()], loras=[canned.LORA])


def list_workers(api: RecordingApi, request: jobs.ListWorkersRequest) -> jobs.ListWorkersResponse:
    """Return the workers."""
    return jobs.ListWorkersResponse(workers=[canned.worker()])


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


def _queue_pauses(response: type[Any]) -> Callable[..., Any]:
    def respond(api: RecordingApi, request: Any) -> Any:
        if isinstance(request, jobs.PauseQueueRequest):
            pause = jobs.QueuePause(priority=request.priority, reason=request.reason, paused_by="ada")
            pause.paused_at.CopyFrom(canned.at(5))
            others = [each for each in api.queue_pauses if each.priority != pause.priority]
            api.queue_pauses = [*others, pause]
        elif isinstance(request, jobs.ResumeQueueRequest):
            api.queue_pauses.clear()
        return response(pauses=api.queue_pauses)

    return respond


JOBS: dict[str, Callable[..., Any]] = {
    "SubmitJob": submit_job,
    "PlanJob": plan_job,
    "ReproduceJob": reproduce_job,
    "GetJob": get_job,
    "ListJobs": list_jobs,
    "SummarizeJobs": summarize_jobs,
    "GetStoryboard": get_storyboard,
    "GetResult": get_result,
    "ListLogEntries": list_log_entries,
    "ListModels": list_models,
    "ListWorkers": list_workers,
    "ListAlarms": lambda api, request: jobs.ListAlarmsResponse(alarms=api.alarms),
    "PauseQueue": _queue_pauses(jobs.PauseQueueResponse),
    "ResumeQueue": _queue_pauses(jobs.ResumeQueueResponse),
    "ListQueuePauses": _queue_pauses(jobs.ListQueuePausesResponse),
    "CancelJob": _command(jobs.CancelJobResponse, pb.STATUS_CANCELLED, "cancel_requested", "cancelled"),
    "RetryJob": _command(jobs.RetryJobResponse, pb.STATUS_QUEUED, "retried", "queued"),
    "ReprioritizeJob": _command(jobs.ReprioritizeJobResponse, None, "reprioritized"),
    "PauseJob": _command(jobs.PauseJobResponse, None, "paused"),
    "ResumeJob": _command(jobs.ResumeJobResponse, None, "resumed"),
    "PrefetchJob": _command(jobs.PrefetchJobResponse, None, "prefetch_requested"),
    "EraseJob": _command(jobs.EraseJobResponse, None, "erased"),
    "BulkCancelJobs": _bulk(jobs.BulkCancelJobsResponse, pb.STATUS_CANCELLED, "cancelled"),
    "BulkRetryJobs": _bulk(jobs.BulkRetryJobsResponse, pb.STATUS_QUEUED, "retried"),
    "BulkReprioritizeJobs": _bulk(jobs.BulkReprioritizeJobsResponse, pb.STATUS_QUEUED, "reprioritized"),
    "BulkPauseJobs": _bulk(jobs.BulkPauseJobsResponse, pb.STATUS_QUEUED, "paused"),
    "BulkResumeJobs": _bulk(jobs.BulkResumeJobsResponse, pb.STATUS_QUEUED, "resumed"),
    "BulkEraseJobs": _bulk(jobs.BulkEraseJobsResponse, pb.STATUS_COMPLETED, "erased"),
}


class _JobStreams(ExportStreams):
    """The methods that stream."""

    async def UploadInput(self, parts: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        received: list[Any] = []
        self.api.uploads.append(received)
        try:
            async for part in parts:
                if not received:
                    self.api.admit("UploadInput", part, context)
                received.append(part)
            return jobs.UploadInputResponse(upload=canned.upload(b"".join(part.data for part in received)))
        except Refusal as refusal:
            async for _ in parts:
                pass
            await refuse(context, refusal)

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
            await refuse(context, refusal)

    async def ExportVideo(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        context.add_done_callback(lambda _: self.api.download_ended.set())
        try:
            self.api.admit("ExportVideo", request, context)
            self.api.get(request.job_id)
            yield jobs.ExportVideoResponse(media_type="image/gif")
            for part in (b"GIF89a", b"", b"rest"):
                yield jobs.ExportVideoResponse(data=part)
        except Refusal as refusal:
            await refuse(context, refusal)

    async def ReadLiveVideo(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        try:
            self.api.admit("ReadLiveVideo", request, context)
            self.api.get(request.job_id)
            async for message in read_live_video(self.api, request):
                yield message
        except Refusal as refusal:
            await refuse(context, refusal)

    async def WatchJob(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        try:
            self.api.admit("WatchJob", request, context)
            self.api.get(request.job_id)
            after = request.after if request.HasField("after") else 0
            if request.previews and not after:
                first = self.api.get(request.job_id)
                shown = self.api.previews.get(first.id)
                yield jobs.WatchJobResponse(position=first.position, job=first, last_preview=shown)
                after = first.position
            async for update in self.api.watch(after, lambda u: u.job.id == request.job_id):
                yield update
        except Refusal as refusal:
            await refuse(context, refusal)

    async def WatchJobs(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        try:
            self.api.admit("WatchJobs", request, context)
            after = request.after if request.HasField("after") else None
            kinds: set[str | None] = {"job", *(kind for kind in ("progress",) if request.progress)}
            kinds |= {kind for kind, sent in (("log", request.logs), ("preview", request.previews)) if sent}
            kinds |= {None} if request.heartbeat_seconds else set()
            async for update in self.api.watch(after, lambda u: u.WhichOneof("update") in kinds):
                yield update
        except Refusal as refusal:
            await refuse(context, refusal)


def _not_offered(api: RecordingApi, request: Any) -> Any:
    raise Refusal(grpc.StatusCode.UNIMPLEMENTED, "NOT_OFFERED", "the gateway does not call this")


SERVICES: tuple[tuple[ServiceDescriptor, Mapping[str, Callable[..., Any]]], ...] = (
    (job_service_pb2.DESCRIPTOR.services_by_name["JobService"], JOBS),
    (analytics_service_pb2.DESCRIPTOR.services_by_name["AnalyticsService"], ANALYTICS),
    (audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"], AUDIT),
    (export_service_pb2.DESCRIPTOR.services_by_name["AuditExportService"], {}),
    (access_service_pb2.DESCRIPTOR.services_by_name["AccessService"], ACCESS),
    (ticket_service_pb2.DESCRIPTOR.services_by_name["TicketService"], TICKETS),
    (schedule_service_pb2.DESCRIPTOR.services_by_name["ScheduleService"], SCHEDULES),
    (webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"], WEBHOOKS),
)
"""Each service with the answers to its methods. Those without one are refused: the gateway does not call them."""


def _handler(api: RecordingApi, method: MethodDescriptor, answers: Mapping[str, Callable[..., Any]]) -> Any:
    kinds: dict[str, Any] = {
        "request_deserializer": GetMessageClass(method.input_type).FromString,
        "response_serializer": GetMessageClass(method.output_type).SerializeToString,
    }
    stream = getattr(_JobStreams(api), method.name, None)
    if stream is None:
        answer = _unary(api, method.name, answers.get(method.name, _not_offered))
        return grpc.unary_unary_rpc_method_handler(answer, **kinds)
    if method.client_streaming:
        return grpc.stream_unary_rpc_method_handler(stream, **kinds)
    return grpc.unary_stream_rpc_method_handler(stream, **kinds)


def serve_all(api: RecordingApi, server: aio.Server) -> None:
    """Add the services to a server."""
    for service, answers in SERVICES:
        handlers = {method.name: _handler(api, method, answers) for method in service.methods}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
