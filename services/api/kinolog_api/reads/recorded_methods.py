"""Which methods are reads, of what, and what of a request is noted. A method without a row here is not served."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from kinolog.reads.read import ReadKind

_METHODS: dict[ReadKind | None, str] = {
    ReadKind.FILE: "JobService.ReadArtifact JobService.ExportVideo JobService.ReadLiveVideo",
    ReadKind.TEXT: """
        JobService.GetJob JobService.GetStoryboard JobService.GetResult JobService.ListLogEntries JobService.ListJobs
        JobService.WatchJob JobService.WatchJobs AuditService.NoteLiveRead
        AnalyticsService.ListActivity ScheduleService.ListSchedules
        """,
    ReadKind.RECORD: """
        AuditService.GetHistory AuditService.ReplayLog AuditService.SearchEvents AuditService.SearchReads
        AuditService.GetInclusionProof AuditService.ProveReads AuditService.ListErasures AuditService.GetErasure
        AuditService.ListVerifications AuditService.GetVerification
        AuditExportService.ExportEvents AuditExportService.ExportBundle
        """,
    ReadKind.OTHER: """
        JobService.SummarizeJobs JobService.ListModels JobService.ListWorkers JobService.ListQueuePauses
        JobService.ListAlarms
        AnalyticsService.GetOverview AnalyticsService.GetSuccessRates AnalyticsService.GetStageTimes
        AnalyticsService.GetQueueDepth AnalyticsService.GetTrends
        AuditService.VerifyJob AuditService.CountCommands AuditService.GetQueueAt AuditService.GetTreeHead
        AuditService.ListTreeHeads AuditService.GetTreeTile AuditService.GetConsistencyProof
        AccessService.WhoAmI AccessService.GetUsage AccessService.ListKeys
        WebhookService.ListWebhooks WebhookService.GetWebhookSecret WebhookService.ListDeliveries
        """,
    None: """
        JobService.UploadInput JobService.SubmitJob JobService.PlanJob JobService.ReproduceJob
        JobService.BatchSubmitJobs JobService.CancelJob JobService.BulkCancelJobs JobService.RetryJob
        JobService.BulkRetryJobs JobService.ReprioritizeJob JobService.BulkReprioritizeJobs JobService.PauseJob
        JobService.BulkPauseJobs JobService.ResumeJob JobService.BulkResumeJobs JobService.PrefetchJob
        JobService.EraseJob JobService.BulkEraseJobs JobService.PauseQueue JobService.ResumeQueue
        AuditService.StartVerification AuditService.CancelVerification
        AccessService.CreateKey AccessService.RevokeKey
        WebhookService.CreateWebhook WebhookService.ChangeWebhook WebhookService.RotateWebhookSecret
        WebhookService.DeleteWebhook WebhookService.Redeliver
        ScheduleService.CreateSchedule ScheduleService.PauseSchedule ScheduleService.ResumeSchedule
        ScheduleService.DeleteSchedule
        TicketService.CreateFileTicket TicketService.CreateLiveTicket TicketService.RedeemTicket
        """,
}
"""Kinds of reads; None for commands, which the log has, and for what only identifies a caller."""

ENDLESS = frozenset(("WatchJob", "WatchJobs", "ReplayLog"))
"""Streams that may go on without end: they are noted when they begin."""

_KINDS = MappingProxyType(
    {f"kinolog.v1.{name}": kind for kind, names in _METHODS.items() for name in names.split()}
)
_NUMBERED = {"scene": "scene", "scene_thumbnail": "scene", "input": "input"}
"""Fields that say which of the files of a kind is read."""
_FLAGS = {"unseal_texts": "texts", "with_files": "files", "with_keys": "keys"}
"""What an export has beside the commits."""


def kind_of(method: MethodDescriptor) -> ReadKind | None:
    """Return what a method reads; None if it is no read. Raises ValueError for a method that the table lacks."""
    if method.full_name not in _KINDS:
        raise ValueError(f"{method.full_name} has no row in kinolog_api.reads.recorded_methods")
    return _KINDS[method.full_name]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedPart:
    """What a request asks for. It has no text of a user: a question may name addresses, and a filter words."""

    job_id: str = ""
    tenant: str = ""
    """Whose jobs the request names; empty for those of the caller."""
    resource: str = ""
    offset: int = 0
    limit: int = 0


def requested_part(request: Message) -> RequestedPart:
    """Return what a request asks for, by the fields that it has."""
    selection = getattr(request, "selection", request)
    if channel := str(getattr(request, "channel", "")):
        resource, _, job_id = channel.partition(":")
        return RequestedPart(job_id=job_id, resource=resource)
    return RequestedPart(
        job_id=str(getattr(selection, "job_id", "")),
        tenant=str(getattr(selection, "tenant", "")).replace("*", ""),
        resource=_resource(request),
        offset=int(getattr(request, "offset", 0)),
        limit=int(getattr(request, "limit", 0)),
    )


def _resource(request: Message) -> str:
    """Return the words for what is read of a job, such as `video`, `scene/2`, `gif` or `files,keys`."""
    fields = request.DESCRIPTOR.fields_by_name
    for name in ("kind", "format"):
        if name in fields and (enum := fields[name].enum_type) is not None:
            value = enum.values_by_number.get(getattr(request, name))
            word = value.name.rpartition(f"_{name.upper()}_")[2].lower() if value else ""
            return f"{word}/{getattr(request, _NUMBERED[word])}" if word in _NUMBERED else word
    return ",".join(word for name, word in _FLAGS.items() if name in fields and getattr(request, name))
