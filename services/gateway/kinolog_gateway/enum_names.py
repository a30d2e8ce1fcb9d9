"""Conversion of protobuf values: enum numbers to and from REST's names, timestamps, optional fields."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, cast, get_args

from google.protobuf.timestamp_pb2 import Timestamp

from kinolog.v1 import access_pb2, audit_service_pb2, read_pb2, webhook_service_pb2
from kinolog.v1 import job_pb2 as pb

StatusName: TypeAlias = Literal["queued", "processing", "completed", "failed", "cancelled"]
WebhookEventName: TypeAlias = Literal[
    "job.started", "job.completed", "job.failed", "job.cancelled", "job.erased"
]
PriorityName: TypeAlias = Literal["low", "medium", "high", "critical"]
StageName: TypeAlias = Literal[
    "storyboard", "prefetch", "encode_prompt", "denoise", "decode", "postprocess", "assemble", "sign", "store"
]
ArtifactKindName: TypeAlias = Literal["video", "thumbnail", "preview", "scene", "input", "scene_thumbnail"]
InputRoleName: TypeAlias = Literal["first_frame", "last_frame", "reference", "video", "control", "face"]
AlarmSeverityName: TypeAlias = Literal["warning", "refuse_writes"]
ScopeName: TypeAlias = Literal["submit", "read", "cancel", "audit", "admin"]
LogLevelName: TypeAlias = Literal["debug", "info", "warning", "error"]
DeliveryStateName: TypeAlias = Literal["pending", "delivered", "failed"]
ReadKindName: TypeAlias = Literal["file", "text", "record", "other"]
FileCheckName: TypeAlias = Literal["none", "sizes", "hashes"]
VerificationStateName: TypeAlias = Literal["running", "holds", "differs", "failed", "cancelled"]

TERMINAL = frozenset({pb.STATUS_COMPLETED, pb.STATUS_FAILED, pb.STATUS_CANCELLED})
"""Statuses that only a retry changes."""


def _numbers(names: Any, prefix: str, enum: Any) -> dict[str, Any]:
    return {name: enum.Value(f"{prefix}_{name.upper()}") for name in get_args(names)}


STATUS_NUMBERS: dict[str, pb.Status.ValueType] = _numbers(StatusName, "STATUS", pb.Status)
PRIORITY_NUMBERS: dict[str, pb.Priority.ValueType] = _numbers(PriorityName, "PRIORITY", pb.Priority)
STAGE_NUMBERS: dict[str, pb.Stage.ValueType] = _numbers(StageName, "STAGE", pb.Stage)
ARTIFACT_KIND_NUMBERS: dict[str, pb.ArtifactKind.ValueType] = _numbers(
    ArtifactKindName, "ARTIFACT_KIND", pb.ArtifactKind
)
INPUT_ROLE_NUMBERS: dict[str, pb.InputRole.ValueType] = _numbers(InputRoleName, "INPUT_ROLE", pb.InputRole)
LOG_LEVEL_NUMBERS: dict[str, pb.LogLevel.ValueType] = _numbers(LogLevelName, "LOG_LEVEL", pb.LogLevel)
SCOPE_NUMBERS: dict[str, access_pb2.Scope.ValueType] = _numbers(ScopeName, "SCOPE", access_pb2.Scope)
ALARM_SEVERITY_NUMBERS: dict[str, pb.AlarmSeverity.ValueType] = _numbers(
    AlarmSeverityName, "ALARM_SEVERITY", pb.AlarmSeverity
)
DELIVERY_STATE_NUMBERS: dict[str, webhook_service_pb2.DeliveryState.ValueType] = _numbers(
    DeliveryStateName, "DELIVERY_STATE", webhook_service_pb2.DeliveryState
)
READ_KIND_NUMBERS: dict[str, read_pb2.ReadKind.ValueType] = _numbers(
    ReadKindName, "READ_KIND", read_pb2.ReadKind
)

FILE_CHECK_NUMBERS: dict[str, access_pb2.FileCheck.ValueType] = {
    "none": access_pb2.FILE_CHECK_UNSPECIFIED,
    "sizes": access_pb2.FILE_CHECK_SIZES,
    "hashes": access_pb2.FILE_CHECK_HASHES,
}

_STATUSES = {int(number): name for name, number in STATUS_NUMBERS.items()}
_PRIORITIES = {int(number): name for name, number in PRIORITY_NUMBERS.items()}
_STAGES = {int(number): name for name, number in STAGE_NUMBERS.items()}
_KINDS = {int(number): name for name, number in ARTIFACT_KIND_NUMBERS.items()}
_ROLES = {int(number): name for name, number in INPUT_ROLE_NUMBERS.items()}
_LEVELS = {int(number): name for name, number in LOG_LEVEL_NUMBERS.items()}
_SCOPES = {int(number): name for name, number in SCOPE_NUMBERS.items()}
_ALARM_SEVERITIES = {int(number): name for name, number in ALARM_SEVERITY_NUMBERS.items()}
_DELIVERY_STATES = {int(number): name for name, number in DELIVERY_STATE_NUMBERS.items()}
_READ_KINDS = {int(number): name for name, number in READ_KIND_NUMBERS.items()}
_FILE_CHECKS = {int(number): name for name, number in FILE_CHECK_NUMBERS.items()}
_VERIFICATION_STATES = {
    int(number): name
    for name, number in _numbers(
        VerificationStateName, "VERIFICATION_STATE", audit_service_pb2.VerificationState
    ).items()
}


def status_name(number: int) -> StatusName:
    """Return the name of a status. Raises KeyError if this gateway does not know it."""
    return cast(StatusName, _STATUSES[number])


def priority_name(number: int) -> PriorityName:
    """Return the name of a priority; medium if there is none."""
    return cast(PriorityName, _PRIORITIES.get(number, "medium"))


def stage_name(number: int) -> StageName | None:
    """Return the name of a stage; None before the first."""
    return cast("StageName | None", _STAGES.get(number))


def input_role_name(number: int) -> InputRoleName | None:
    """Return the name of an input's role; None for a role that this gateway does not know."""
    return cast("InputRoleName | None", _ROLES.get(number))


def artifact_kind_name(number: int) -> ArtifactKindName | None:
    """Return the name of a kind of artifact; None for one of a later version of the api."""
    return cast("ArtifactKindName | None", _KINDS.get(number))


def log_level_name(number: int) -> LogLevelName:
    """Return the name of a log level; info if there is none."""
    return cast(LogLevelName, _LEVELS.get(number, "info"))


def alarm_severity_name(number: int) -> AlarmSeverityName:
    """Return the name of an alarm's severity; warning if this gateway does not know it."""
    return cast(AlarmSeverityName, _ALARM_SEVERITIES.get(number, "warning"))


def scope_name(number: int) -> ScopeName | None:
    """Return the name of a scope; None for one that this gateway does not know."""
    return cast("ScopeName | None", _SCOPES.get(number))


def delivery_state_name(number: int) -> DeliveryStateName:
    """Return the name of a delivery's state; pending if this gateway does not know it."""
    return cast(DeliveryStateName, _DELIVERY_STATES.get(number, "pending"))


def read_kind_name(number: int) -> ReadKindName:
    """Return the name of what a read was of; other if this gateway does not know it."""
    return cast(ReadKindName, _READ_KINDS.get(number, "other"))


def file_check_name(number: int) -> FileCheckName:
    """Return how files are compared; none if this gateway does not know it."""
    return cast(FileCheckName, _FILE_CHECKS.get(number, "none"))


def verification_state_name(number: int) -> VerificationStateName:
    """Return what became of a comparison; failed if this gateway does not know it."""
    return cast(VerificationStateName, _VERIFICATION_STATES.get(number, "failed"))


def time_field(message: Any, field: str) -> datetime | None:
    """Return the time in a field of a message, in UTC; None if the field is not set."""
    if not message.HasField(field):
        return None
    return to_datetime(getattr(message, field))


def to_datetime(stamp: Timestamp) -> datetime:
    """Return a protobuf timestamp as a time in UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def optional_field(message: Any, field: str) -> Any:
    """Return the value of a field; None if the field is not set."""
    return getattr(message, field) if message.HasField(field) else None
