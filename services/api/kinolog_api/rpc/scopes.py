"""Which scope each method needs. A method without a row here is not served."""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

from google.protobuf.descriptor import MethodDescriptor

from kinolog.access.api_key import Scope


class Admission(Enum):
    """Who may call a method that needs no scope."""

    ANYONE = "anyone, without a key too"
    ANY_KEY = "whoever has a valid key"


Need: TypeAlias = Scope | Admission

_METHODS: dict[Need, str] = {
    Scope.SUBMIT: """
        JobService.UploadInput JobService.SubmitJob JobService.PlanJob JobService.BatchSubmitJobs JobService.RetryJob
        JobService.ReproduceJob
        JobService.BulkRetryJobs JobService.ReprioritizeJob JobService.BulkReprioritizeJobs JobService.PrefetchJob
        ScheduleService.CreateSchedule ScheduleService.PauseSchedule ScheduleService.ResumeSchedule
        ScheduleService.DeleteSchedule
        """,
    Scope.READ: """
        JobService.GetJob JobService.GetStoryboard JobService.GetResult JobService.ListLogEntries JobService.ListJobs
        JobService.SummarizeJobs JobService.ReadArtifact JobService.ExportVideo
        JobService.ReadLiveVideo JobService.WatchJob JobService.WatchJobs JobService.ListModels JobService.ListWorkers
        JobService.ListQueuePauses
        AnalyticsService.GetOverview AnalyticsService.GetSuccessRates AnalyticsService.GetStageTimes
        AnalyticsService.GetQueueDepth AnalyticsService.GetTrends AnalyticsService.ListActivity
        ScheduleService.ListSchedules
        AuditService.NoteLiveRead
        AccessService.GetUsage TicketService.CreateFileTicket TicketService.CreateLiveTicket
        """,
    Scope.CANCEL: """
        JobService.CancelJob JobService.BulkCancelJobs JobService.EraseJob JobService.BulkEraseJobs
        JobService.PauseJob JobService.ResumeJob JobService.BulkPauseJobs JobService.BulkResumeJobs
        """,
    Scope.AUDIT: """
        AuditService.SearchEvents AuditService.SearchReads AuditService.CountCommands AuditService.GetQueueAt
        AuditService.ProveReads
        AuditService.ListErasures AuditService.GetErasure
        AuditService.StartVerification AuditService.CancelVerification
        AuditService.ListVerifications AuditService.GetVerification
        AuditService.GetHistory AuditService.VerifyJob AuditService.ReplayLog AuditService.GetInclusionProof
        AuditExportService.ExportEvents AuditExportService.ExportBundle
        """,
    Scope.ADMIN: """
        JobService.PauseQueue JobService.ResumeQueue
        AccessService.CreateKey AccessService.ListKeys AccessService.RevokeKey
        WebhookService.CreateWebhook WebhookService.ListWebhooks WebhookService.ChangeWebhook
        WebhookService.RotateWebhookSecret WebhookService.GetWebhookSecret WebhookService.DeleteWebhook
        WebhookService.ListDeliveries WebhookService.Redeliver
        """,
    Admission.ANY_KEY: """
        AccessService.WhoAmI
        AuditService.GetTreeHead AuditService.ListTreeHeads AuditService.GetTreeTile AuditService.GetConsistencyProof
        """,
    Admission.ANYONE: "JobService.ListAlarms TicketService.RedeemTicket",
}

NEEDS = MappingProxyType(
    {f"kinolog.v1.{name}": need for need, names in _METHODS.items() for name in names.split()}
)
"""What a caller needs, by the full name of the method."""


def need_of(method: MethodDescriptor) -> Need:
    """Return what a caller of the method needs. Raises ValueError for a method that the table lacks."""
    need = NEEDS.get(method.full_name)
    if need is None:
        raise ValueError(f"{method.full_name} has no row in kinolog_api.rpc.scopes")
    return need
