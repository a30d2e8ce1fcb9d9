"""What the api answers when it does not do what was asked: google.rpc.Status with details.

Every error carries an ErrorInfo with a reason of the domain `kinolog`; wrong fields are listed in a BadRequest, one
violation per field; errors that pass by themselves carry a RetryInfo. Messages name fields, ids and limits, never
what a prompt says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from kinolog.codec.commits import DamagedCommit
from kinolog.codec.events import UnknownEvent
from kinolog.job.decide import Refused
from kinolog.ports.artifacts import ArtifactDamaged, ArtifactMissing, ArtifactsUnavailable
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.ports.keys import KeyErased
from kinolog.ports.read_model import InvalidCursor, PositionNotReached, ReadModelUnavailable
from kinolog.privacy.sealer import UnsealFailed

DOMAIN = "kinolog"
RETRY_SECONDS = 1.0
SHOWN_VIOLATIONS = 5
"""How many violations the message repeats; the details hold all of them."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A wrong field: its path, such as `filter.statuses[0]`, and what is allowed."""

    field: str
    description: str


class RpcError(Exception):
    """An answer that is not what was asked for.

    `reason` is a word for programs, the message a sentence for people; `metadata` says the facts behind it.
    """

    def __init__(
        self,
        code: StatusCode,
        reason: str,
        message: str,
        *,
        violations: Sequence[FieldViolation] = (),
        metadata: Mapping[str, str] = MappingProxyType({}),
        retry_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.violations = tuple(violations)
        self.metadata = metadata
        self.retry_seconds = retry_seconds

    def status(self) -> Status:
        """The error on the wire."""
        parts: list[Message] = [
            details.ErrorInfo(reason=self.reason, domain=DOMAIN, metadata=dict(self.metadata))
        ]
        if self.violations:
            wire = [
                details.BadRequest.FieldViolation(field=v.field, description=v.description)
                for v in self.violations
            ]
            parts.append(details.BadRequest(field_violations=wire))
        if self.retry_seconds is not None:
            delay = Duration()
            delay.FromNanoseconds(round(self.retry_seconds * 1e9))
            parts.append(details.RetryInfo(retry_delay=delay))
        return Status(
            code=self.code.value[0], message=self.message, details=[_packed(part) for part in parts]
        )


def _packed(part: Message) -> Any:
    packed = Any()
    packed.Pack(part)
    return packed


def invalid(violations: Sequence[FieldViolation], reason: str = "INVALID_FIELDS") -> RpcError:
    """Fields are wrong; the message says which and what is allowed."""
    shown = [f"{v.field}: {v.description}" if v.field else v.description for v in violations]
    more = len(shown) - SHOWN_VIOLATIONS
    message = "; ".join(shown[:SHOWN_VIOLATIONS]) + (f"; and {more} more" if more > 0 else "")
    return RpcError(StatusCode.INVALID_ARGUMENT, reason, message, violations=violations)


def job_not_found(job_id: str) -> RpcError:
    """There is no such job, or it belongs to another tenant: callers cannot tell which."""
    return RpcError(
        StatusCode.NOT_FOUND,
        "JOB_NOT_FOUND",
        f"there is no job {job_id}",
        metadata=MappingProxyType({"job_id": job_id}),
    )


def job_erased(job_id: str) -> RpcError:
    """What was asked for was erased with the job."""
    return RpcError(
        StatusCode.FAILED_PRECONDITION,
        "JOB_ERASED",
        f"job {job_id} is erased: its prompts and files are gone, its history is not",
        metadata=MappingProxyType({"job_id": job_id}),
    )


_REFUSED = {
    "JOB_NOT_FOUND": StatusCode.NOT_FOUND,
    "REQUEST_ID_REUSED": StatusCode.ALREADY_EXISTS,
    "JOB_TOO_BUSY": StatusCode.ABORTED,
}
"""Codes of refusals; all others are about the state that the job is in."""


def translated(error: Exception) -> RpcError | None:
    """What a caller is told about `error`; None for one that nobody expected."""
    match error:
        case RpcError():
            return error
        case Refused(reason=reason, message=message):
            code = _REFUSED.get(reason, StatusCode.FAILED_PRECONDITION)
            retry = RETRY_SECONDS if code is StatusCode.ABORTED else None
            return RpcError(code, reason, message, retry_seconds=retry)
        case InvalidCursor():
            return invalid(
                [FieldViolation("page_token", "is not one that this query gave out")], "BAD_PAGE_TOKEN"
            )
        case _:
            return _failed_part(error)


def _failed_part(error: Exception) -> RpcError | None:
    """What is told when a part behind the api does not answer, or answers wrongly."""
    match error:
        case LogUnavailable():
            return _unavailable("LOG_UNAVAILABLE", "the event log does not answer; try again in a moment")
        case ReadModelUnavailable():
            return _unavailable("READ_MODEL_UNAVAILABLE", "lists and charts cannot be read now; try again")
        case ArtifactsUnavailable():
            return _unavailable(
                "ARTIFACTS_UNAVAILABLE",
                "the files cannot be read now; the api's log says why; try again later",
            )
        case PositionNotReached(wanted=wanted, reached=reached):
            facts = {"wanted": str(wanted), "reached": str(reached)}
            return _unavailable("READ_MODEL_BEHIND", str(error), facts)
        case KeyErased():
            return RpcError(StatusCode.FAILED_PRECONDITION, "JOB_ERASED", "the job is erased")
        case DamagedLog() | DamagedCommit() | UnsealFailed() | ArtifactDamaged():
            return RpcError(StatusCode.DATA_LOSS, "DATA_DAMAGED", f"stored data is damaged: {error}")
        case ArtifactMissing():
            return RpcError(
                StatusCode.DATA_LOSS, "ARTIFACT_MISSING", "a file that the job lists is not stored"
            )
        case UnknownEvent():
            return RpcError(
                StatusCode.UNIMPLEMENTED, "LATER_EVENT", "a later version wrote this history; upgrade the api"
            )
        case _:
            return None


def _unavailable(reason: str, message: str, facts: Mapping[str, str] | None = None) -> RpcError:
    return RpcError(
        StatusCode.UNAVAILABLE,
        reason,
        message,
        metadata=facts or MappingProxyType({}),
        retry_seconds=RETRY_SECONDS,
    )


def request_id_spent(request_id: str, job_id: str) -> RpcError:
    """A repeated submit of a job that was erased: it is not made again, and what it asked is no longer known."""
    return RpcError(
        StatusCode.ALREADY_EXISTS,
        "REQUEST_ID_REUSED",
        f"request_id {request_id} made job {job_id}, which is erased; give a new request an id of its own",
        metadata=MappingProxyType({"job_id": job_id}),
    )
