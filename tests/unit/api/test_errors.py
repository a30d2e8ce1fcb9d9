"""Error responses: one code, reason and retry delay for each failure."""

from __future__ import annotations

import pytest
from google.rpc import error_details_pb2
from grpc import StatusCode
from kinolog_api.rpc.errors import (
    MAX_VIOLATIONS_IN_MESSAGE,
    RequestViolation,
    invalid_argument,
    translate_error,
)

from kinolog.codec.commits import DamagedCommit
from kinolog.job.decide import Refused
from kinolog.ports.artifacts import ArtifactDamaged, ArtifactMissing, ArtifactsUnavailable
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.ports.keys import KeyErased, KeyMissing
from kinolog.ports.read_model import InvalidCursor, PositionNotReached, ReadModelUnavailable
from kinolog.privacy.master_keys import KeyNotUnwrapped
from kinolog.privacy.sealer import UnsealFailed

CASES = [
    (Refused("JOB_NOT_FOUND", "none"), StatusCode.NOT_FOUND, "JOB_NOT_FOUND", False),
    (Refused("REQUEST_ID_REUSED", "used"), StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", False),
    (Refused("JOB_ENDED", "over"), StatusCode.FAILED_PRECONDITION, "JOB_ENDED", False),
    (Refused("JOB_TOO_BUSY", "busy"), StatusCode.ABORTED, "JOB_TOO_BUSY", True),
    (LogUnavailable("unavailable"), StatusCode.UNAVAILABLE, "LOG_UNAVAILABLE", True),
    (KeyMissing("job", "key"), StatusCode.UNAVAILABLE, "KEY_MISSING", True),
    (KeyNotUnwrapped("damaged"), StatusCode.UNAVAILABLE, "KEY_MISSING", True),
    (ReadModelUnavailable("unavailable"), StatusCode.UNAVAILABLE, "READ_MODEL_UNAVAILABLE", True),
    (ArtifactsUnavailable("unavailable"), StatusCode.UNAVAILABLE, "ARTIFACTS_UNAVAILABLE", True),
    (PositionNotReached(required=5, reached=4), StatusCode.UNAVAILABLE, "READ_MODEL_BEHIND", True),
    (InvalidCursor("no"), StatusCode.INVALID_ARGUMENT, "BAD_PAGE_TOKEN", False),
    (KeyErased("unavailable"), StatusCode.FAILED_PRECONDITION, "JOB_ERASED", False),
    (DamagedLog("bad"), StatusCode.DATA_LOSS, "DATA_DAMAGED", False),
    (DamagedCommit("bad"), StatusCode.DATA_LOSS, "DATA_DAMAGED", False),
    (UnsealFailed("bad"), StatusCode.DATA_LOSS, "DATA_DAMAGED", False),
    (ArtifactDamaged("bad"), StatusCode.DATA_LOSS, "ARTIFACT_DAMAGED", False),
    (ArtifactMissing("none"), StatusCode.NOT_FOUND, "ARTIFACT_MISSING", False),
]


@pytest.mark.parametrize(("error", "code", "reason", "transient"), CASES)
def test_each_failure_has_one_code(error: Exception, code: StatusCode, reason: str, transient: bool) -> None:
    """Each failure has one code and reason. Transient failures say when to try again."""
    answer = translate_error(error)
    assert answer is not None
    status = answer.status()
    assert status.code == code.value[0]
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == (reason, "kinolog")
    assert any(part.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for part in status.details) == transient


def test_programming_errors_are_not_translated() -> None:
    """A programming error is not translated."""
    assert translate_error(KeyError("x")) is None


def test_only_the_message_shortens_the_violations() -> None:
    """The message names the first wrong fields, the details name all of them."""
    found = [
        RequestViolation(f"field_{number}", "is wrong") for number in range(MAX_VIOLATIONS_IN_MESSAGE + 2)
    ]
    answer = invalid_argument(found)
    assert answer.message.endswith("; and 2 more")
    bad = error_details_pb2.BadRequest()
    assert answer.status().details[1].Unpack(bad)
    assert len(bad.field_violations) == len(found)
