"""Errors of the api: google.rpc.Status with details.

Every error carries an ErrorInfo with a reason in the domain `kinolog`. Wrong fields are listed in a BadRequest, one
violation per field. Transient errors carry a RetryInfo. Messages name fields, ids and limits, never the text of a
prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from kinolog.access.api_key import Scope
from kinolog.codec.commits import DamagedCommit
from kinolog.codec.enums import UnknownEvent
from kinolog.job.decide import Refused
from kinolog.job.values import Status as JobStatus
from kinolog.ports.artifacts import ArtifactDamaged, ArtifactMissing, ArtifactsUnavailable
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.ports.keys import KeyErased, KeyMissing
from kinolog.ports.read_model import InvalidCursor, PositionNotReached, ReadModelDamaged, ReadModelUnavailable
from kinolog.privacy.master_keys import KeyNotUnwrapped
from kinolog.privacy.sealer import UnsealFailed

DOMAIN = "kinolog"
RETRY_SECONDS = 1.0
MAX_VIOLATIONS_IN_MESSAGE = 5
"""Violations that the message repeats. The details hold all of them, unless they are too large for an answer."""
SENT_BYTES = 4_500
"""Most bytes of the violations that follow a call: clients of gRPC take 8 KiB of metadata, and lose larger errors."""


@dataclass(frozen=True, slots=True)
class RequestViolation:
    """A wrong field: its path, such as `filter.statuses[0]`, and which values are allowed."""

    field: str
    description: str


def numbered_violation(index: int, field: str, description: str) -> RequestViolation:
    """Return the violation of a field of a scene of a request. It names the scene as people count them, from 1."""
    return RequestViolation(f"scenes[{index}].{field}", f"{description} (scene {index + 1})")


class RpcError(Exception):
    """An error response.

    `reason` is a code for programs, `message` a sentence for people; `metadata` holds the values in the message.
    """

    def __init__(
        self,
        code: StatusCode,
        reason: str,
        message: str,
        *,
        violations: Sequence[RequestViolation] = (),
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

    def status(self, violation_bytes: int | None = None) -> Status:
        """Return the error as a google.rpc.Status, with all violations or the first that have so many bytes."""
        messages: list[Message] = [
            details.ErrorInfo(reason=self.reason, domain=DOMAIN, metadata=dict(self.metadata))
        ]
        if self.violations:
            violations = [
                details.BadRequest.FieldViolation(field=v.field, description=v.description)
                for v in self.violations
            ]
            ends = accumulate(violation.ByteSize() for violation in violations)
            fitting = [v for v, end in zip(violations, ends, strict=True) if end <= (violation_bytes or end)]
            messages.append(details.BadRequest(field_violations=fitting))
        if self.retry_seconds is not None:
            delay = Duration()
            delay.FromNanoseconds(round(self.retry_seconds * 1e9))
            messages.append(details.RetryInfo(retry_delay=delay))
        return Status(code=self.code.value[0], message=self.message, details=map(_packed, messages))


def _packed(message: Message) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed


def invalid_argument(violations: Sequence[RequestViolation], reason: str = "INVALID_FIELDS") -> RpcError:
    """Return the error for wrong fields. The message names the first of them and the allowed values."""
    shown = [f"{v.field}: {v.description}" if v.field else v.description for v in violations]
    more = len(shown) - MAX_VIOLATIONS_IN_MESSAGE
    message = "; ".join(shown[:MAX_VIOLATIONS_IN_MESSAGE]) + (f"; and {more} more" if more > 0 else "")
    return RpcError(StatusCode.INVALID_ARGUMENT, reason, message, violations=violations)


@contextmanager
def fields_below(path: str) -> Iterator[None]:
    """Let the violations of wrong fields that are raised within name the fields as those of the message at `path`."""
    try:
        yield
    except RpcError as error:
        if not error.violations:
            raise
        found = [
            RequestViolation(f"{path}.{v.field}" if v.field else path, v.description)
            for v in error.violations
        ]
        raise invalid_argument(found, error.reason) from None


def job_not_found(job_id: str) -> RpcError:
    """Return the error for a job that does not exist or is another tenant's: callers cannot distinguish the two."""
    return RpcError(
        StatusCode.NOT_FOUND, "JOB_NOT_FOUND", f"there is no job {job_id}", metadata={"job_id": job_id}
    )


def job_not_completed(job_id: str, status: JobStatus, then: str) -> RpcError:
    """Return the error for a job that has to be completed first. `then` says what it has, or allows, once it is."""
    message = f"job {job_id} is {status}; {then}"
    metadata = {"job_id": job_id, "status": status.value}
    return RpcError(StatusCode.FAILED_PRECONDITION, "JOB_NOT_COMPLETED", message, metadata=metadata)


def scope_missing(scope: Scope, method: str) -> RpcError:
    """Return the error for a caller whose key lacks a scope."""
    message = f"this key lacks the scope {scope.value}, which {method} needs; use a key that has it"
    metadata = {"scope": scope.value}
    return RpcError(StatusCode.PERMISSION_DENIED, "SCOPE_MISSING", message, metadata=metadata)


def job_erased(job_id: str) -> RpcError:
    """Return the error for data that was erased with its job."""
    message = f"job {job_id} is erased: its prompts and files are deleted, its history stays"
    return RpcError(StatusCode.FAILED_PRECONDITION, "JOB_ERASED", message, metadata={"job_id": job_id})


def request_id_of_erased_job(request_id: str, job_id: str) -> RpcError:
    """Return the error for a repeated submit of an erased job, whose request can no longer be compared."""
    message = f"request_id {request_id} made job {job_id}, which is erased; use a new id for a new request"
    return RpcError(StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", message, metadata={"job_id": job_id})


_REFUSAL_CODES = {
    "JOB_NOT_FOUND": StatusCode.NOT_FOUND,
    "REQUEST_ID_REUSED": StatusCode.ALREADY_EXISTS,
    "JOB_TOO_BUSY": StatusCode.ABORTED,
}
"""Codes of `Refused` by reason. All other reasons concern the state of the job: FAILED_PRECONDITION."""


def translate_error(error: Exception) -> RpcError | None:
    """Return the error response for an exception; None for an exception that the api does not expect."""
    match error:
        case RpcError():
            return error
        case Refused(reason=reason, message=message):
            code = _REFUSAL_CODES.get(reason, StatusCode.FAILED_PRECONDITION)
            retry = RETRY_SECONDS if code is StatusCode.ABORTED else None
            return RpcError(code, reason, message, retry_seconds=retry)
        case InvalidCursor():
            return invalid_argument(
                [RequestViolation("page_token", "is not a page token of this query")], "BAD_PAGE_TOKEN"
            )
        case _:
            return _translate_dependency_error(error)


def _translate_dependency_error(error: Exception) -> RpcError | None:
    """Return the error response when a dependency does not answer, or returns damaged data."""
    match error:
        case KeyMissing(job_id=job_id):
            message = f"the key of job {job_id} is missing, so its texts cannot be read until it is restored"
            return _unavailable("KEY_MISSING", message, {"job_id": job_id})
        case KeyNotUnwrapped():
            message = "the key of the job cannot be read, so its texts cannot be read until it is restored"
            return _unavailable("KEY_MISSING", f"{message}: {error}")
        case LogUnavailable():
            return _unavailable("LOG_UNAVAILABLE", "the event log does not answer; try again in a moment")
        case ReadModelDamaged():
            return RpcError(StatusCode.DATA_LOSS, "DATA_DAMAGED", str(error))
        case ReadModelUnavailable():
            return _unavailable("READ_MODEL_UNAVAILABLE", "lists and charts cannot be read now; try again")
        case ArtifactsUnavailable():
            return _unavailable(
                "ARTIFACTS_UNAVAILABLE",
                "the files cannot be read now; the api's log gives the reason; try again later",
            )
        case PositionNotReached(required=required, reached=reached):
            metadata = {"wanted": str(required), "reached": str(reached)}
            return _unavailable("READ_MODEL_BEHIND", str(error), metadata)
        case KeyErased():
            return RpcError(StatusCode.FAILED_PRECONDITION, "JOB_ERASED", "the job is erased")
        case DamagedLog() | DamagedCommit() | UnsealFailed():
            return RpcError(StatusCode.DATA_LOSS, "DATA_DAMAGED", f"stored data is damaged: {error}")
        case ArtifactDamaged():
            return RpcError(StatusCode.DATA_LOSS, "ARTIFACT_DAMAGED", f"the stored file {error} is damaged")
        case ArtifactMissing():
            return RpcError(
                StatusCode.NOT_FOUND,
                "ARTIFACT_MISSING",
                f"the file {error}, which the job lists, is not stored",
            )
        case UnknownEvent():
            return RpcError(
                StatusCode.UNIMPLEMENTED, "LATER_EVENT", "a later version wrote this history; upgrade the api"
            )
        case _:
            return None


def _unavailable(reason: str, message: str, metadata: Mapping[str, str] = MappingProxyType({})) -> RpcError:
    return RpcError(StatusCode.UNAVAILABLE, reason, message, metadata=metadata, retry_seconds=RETRY_SECONDS)
