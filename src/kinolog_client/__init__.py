"""A client of kinolog's gateway: REST and live updates, blocking and for event loops.

    from kinolog_client import KinologClient

    with KinologClient() as kinolog:
        job = kinolog.generate("a red circle moving right on a blue background", duration=2)
        for update in kinolog.watch(job.job_id):
            print(update)
        kinolog.download(job.job_id, "circle.mp4")

`KinologClient` and `AsyncKinologClient` have the same methods with the same arguments; one method per route of the
gateway, and `iterate_jobs`, `stream`, `download` and `watch` on top. Answers are immutable models (`JobInfo`, ...):
fields that this version does not know are ignored, fields that a gateway leaves out have defaults. Every error is a
`GatewayError`, such as `GatewayUnreachable` or `NotFound`. A command carries a request id of its own, so that sending
it again has one effect. `watch` yields a `LiveUpdate` for each change, and goes on by position after a lost connection.
Names are loaded when they are first used, so that `import kinolog_client` takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinolog_client.async_client import AsyncKinologClient
    from kinolog_client.client import KinologClient
    from kinolog_client.endpoint import Certificates
    from kinolog_client.errors import (
        Conflict,
        FieldViolation,
        Forbidden,
        GatewayError,
        GatewayUnreachable,
        InvalidRequest,
        InvalidSettings,
        NotFound,
        ProblemError,
        ServerError,
        ServiceUnavailable,
        TooManyRequests,
        Unauthorized,
        UnexpectedAnswer,
    )
    from kinolog_client.exports.commit_selection import CommitSelection
    from kinolog_client.exports.event_file import ExportInterrupted
    from kinolog_client.live.async_feed import AsyncLiveFeed
    from kinolog_client.live.flow import LiveSettings
    from kinolog_client.live.steps import LinkState, LiveEvent, MessageReceived, PollDue
    from kinolog_client.live.updates import (
        JobEnded,
        JobState,
        JobUpdated,
        LiveError,
        LiveUpdate,
        LogLineReceived,
        PreviewReceived,
        QueueCounted,
        parse_update,
    )
    from kinolog_client.models.access import (
        ApiKeyInfo,
        ApiKeyListInfo,
        CallerInfo,
        CreatedKeyInfo,
        DeletedWebhookInfo,
        DeliveryAttemptInfo,
        DeliveryInfo,
        DeliveryListInfo,
        RedeliveryInfo,
        WebhookInfo,
        WebhookListInfo,
        WebhookSecretInfo,
        WebhookWithSecretInfo,
    )
    from kinolog_client.models.analytics import (
        ActivityEntryInfo,
        ActivityInfo,
        DepthPointInfo,
        DistributionInfo,
        OverviewInfo,
        QueueDepthInfo,
        StageTimeInfo,
        StageTimesInfo,
        SuccessRateInfo,
        SuccessRatesInfo,
        TrendPointInfo,
        TrendsInfo,
    )
    from kinolog_client.models.audit.erasures import ErasureCertificateInfo, ErasureInfo, ErasureListInfo
    from kinolog_client.models.audit.tree import (
        ConsistencyInfo,
        HeadPlaceInfo,
        InclusionInfo,
        TreeHeadInfo,
        TreeHeadListInfo,
        TreeTileInfo,
    )
    from kinolog_client.models.audit.verifications import VerificationInfo, VerificationListInfo
    from kinolog_client.models.base import ClientModel
    from kinolog_client.models.catalogue import (
        AlarmInfo,
        AlarmListInfo,
        HealthInfo,
        LoraInfo,
        ModelDefaultsInfo,
        ModelInfo,
        ModelInputInfo,
        ModelListInfo,
        ProfileInfo,
        UpscalerInfo,
        WorkerInfo,
        WorkerListInfo,
    )
    from kinolog_client.models.commands import BulkInfo, BulkResultInfo, CommandInfo
    from kinolog_client.models.history import (
        CheckInfo,
        CommandCountsInfo,
        CommitInfo,
        EventInfo,
        FoundCommitsInfo,
        FoundReadsInfo,
        HistoryInfo,
        LogLineInfo,
        LogPageInfo,
        ProofInfo,
        QueueAtInfo,
        ReadInfo,
    )
    from kinolog_client.models.job_parts import (
        ArtifactInfo,
        AttemptInfo,
        ErrorInfo,
        FrameComparisonInfo,
        InputInfo,
        JobLoraInfo,
        LinksInfo,
        MediaInfo,
        ReproductionInfo,
        RuntimeDifferenceInfo,
        StageInfo,
        StepCacheInfo,
        TimingsInfo,
        UsedLoraInfo,
        UsedProfileInfo,
        UsedUpscalerInfo,
    )
    from kinolog_client.models.jobs import (
        PRIORITIES,
        STAGES,
        STATUSES,
        TERMINAL,
        DeletedScheduleInfo,
        JobCountsInfo,
        JobInfo,
        JobPageInfo,
        JobPlanInfo,
        QueuePauseInfo,
        QueuePauseListInfo,
        ReplacedWordInfo,
        SceneInfo,
        ScenePlanInfo,
        ScheduleInfo,
        ScheduleListInfo,
        StoryboardInfo,
    )
    from kinolog_client.models.results import FileInfo, ManifestInfo, RecordInfo, ResultInfo, SpecInfo
    from kinolog_client.models.selection import (
        JobSelection,
        TimeSpan,
        VideoInput,
        VideoLora,
        VideoRequest,
        VideoScene,
    )
    from kinolog_client.models.tickets import SignedLinksInfo, TicketInfo
    from kinolog_client.models.uploads import UploadInfo
    from kinolog_client.models.usage import LimitsInfo, UsageInfo

__all__ = [
    "PRIORITIES",
    "STAGES",
    "STATUSES",
    "TERMINAL",
    "ActivityEntryInfo",
    "ActivityInfo",
    "AlarmInfo",
    "AlarmListInfo",
    "ApiKeyInfo",
    "ApiKeyListInfo",
    "ArtifactInfo",
    "AsyncKinologClient",
    "AsyncLiveFeed",
    "AttemptInfo",
    "BulkInfo",
    "BulkResultInfo",
    "CallerInfo",
    "Certificates",
    "CheckInfo",
    "ClientModel",
    "CommandCountsInfo",
    "CommandInfo",
    "CommitInfo",
    "CommitSelection",
    "Conflict",
    "ConsistencyInfo",
    "CreatedKeyInfo",
    "DeletedScheduleInfo",
    "DeletedWebhookInfo",
    "DeliveryAttemptInfo",
    "DeliveryInfo",
    "DeliveryListInfo",
    "DepthPointInfo",
    "DistributionInfo",
    "ErasureCertificateInfo",
    "ErasureInfo",
    "ErasureListInfo",
    "ErrorInfo",
    "EventInfo",
    "ExportInterrupted",
    "FieldViolation",
    "FileInfo",
    "Forbidden",
    "FoundCommitsInfo",
    "FoundReadsInfo",
    "FrameComparisonInfo",
    "GatewayError",
    "GatewayUnreachable",
    "HeadPlaceInfo",
    "HealthInfo",
    "HistoryInfo",
    "InclusionInfo",
    "InputInfo",
    "InvalidRequest",
    "InvalidSettings",
    "JobCountsInfo",
    "JobEnded",
    "JobInfo",
    "JobLoraInfo",
    "JobPageInfo",
    "JobPlanInfo",
    "JobSelection",
    "JobState",
    "JobUpdated",
    "KinologClient",
    "LimitsInfo",
    "LinkState",
    "LinksInfo",
    "LiveError",
    "LiveEvent",
    "LiveSettings",
    "LiveUpdate",
    "LogLineInfo",
    "LogLineReceived",
    "LogPageInfo",
    "LoraInfo",
    "ManifestInfo",
    "MediaInfo",
    "MessageReceived",
    "ModelDefaultsInfo",
    "ModelInfo",
    "ModelInputInfo",
    "ModelListInfo",
    "NotFound",
    "OverviewInfo",
    "PollDue",
    "PreviewReceived",
    "ProblemError",
    "ProfileInfo",
    "ProofInfo",
    "QueueAtInfo",
    "QueueCounted",
    "QueueDepthInfo",
    "QueuePauseInfo",
    "QueuePauseListInfo",
    "ReadInfo",
    "RecordInfo",
    "RedeliveryInfo",
    "ReplacedWordInfo",
    "ReproductionInfo",
    "ResultInfo",
    "RuntimeDifferenceInfo",
    "SceneInfo",
    "ScenePlanInfo",
    "ScheduleInfo",
    "ScheduleListInfo",
    "ServerError",
    "ServiceUnavailable",
    "SignedLinksInfo",
    "SpecInfo",
    "StageInfo",
    "StageTimeInfo",
    "StageTimesInfo",
    "StepCacheInfo",
    "StoryboardInfo",
    "SuccessRateInfo",
    "SuccessRatesInfo",
    "TicketInfo",
    "TimeSpan",
    "TimingsInfo",
    "TooManyRequests",
    "TreeHeadInfo",
    "TreeHeadListInfo",
    "TreeTileInfo",
    "TrendPointInfo",
    "TrendsInfo",
    "Unauthorized",
    "UnexpectedAnswer",
    "UploadInfo",
    "UpscalerInfo",
    "UsageInfo",
    "UsedLoraInfo",
    "UsedProfileInfo",
    "UsedUpscalerInfo",
    "VerificationInfo",
    "VerificationListInfo",
    "VideoInput",
    "VideoLora",
    "VideoRequest",
    "VideoScene",
    "WebhookInfo",
    "WebhookListInfo",
    "WebhookSecretInfo",
    "WebhookWithSecretInfo",
    "WorkerInfo",
    "WorkerListInfo",
    "parse_update",
]

_MODULES = """
    errors models.base models.job_parts models.jobs models.commands models.history models.results
    models.catalogue models.access models.analytics models.selection models.tickets models.audit.tree
    models.audit.erasures models.audit.verifications models.uploads endpoint models.usage exports.event_file
    live.updates live.steps live.flow client live.async_feed async_client
"""
"""Modules that define the public names, each after those that it imports."""


def __getattr__(name: str) -> Any:
    """Load a public name."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    modules = (import_module(f"{__name__}.{module}") for module in _MODULES.split())
    value = next(getattr(module, name) for module in modules if hasattr(module, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
