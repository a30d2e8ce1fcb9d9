"""Errors of the api as problems: google.rpc.Status details, with REST's field names."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from math import ceil
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from kinolog.process.logs import fields
from kinolog_gateway.http.problems import HttpProblemError, Problem, Violation, make_problem

logger = logging.getLogger(__name__)

SHOWN_VIOLATIONS = 5
"""How many violations the detail repeats. The problem lists all of them."""

_HTTP = {
    grpc.StatusCode.CANCELLED: 503,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}
_HTTP_BY_REASON = {
    "STORAGE_FULL": 507,
    "INPUT_TOO_LARGE": 413,
    "INPUT_UNSUPPORTED": 415,
    "UPLOAD_STALLED": 408,
    "LIVE_VIDEO_CHANGED": 412,
    "OFFSET_AHEAD": 416,
}
"""Statuses of reasons that HTTP knows more exactly than gRPC."""

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_FALLBACK_DETAILS = {
    grpc.StatusCode.UNAVAILABLE: "the api cannot be reached or is not ready; try again in a moment",
    grpc.StatusCode.CANCELLED: "the api stopped while it worked on this; try again in a moment",
    grpc.StatusCode.DEADLINE_EXCEEDED: "the api took too long; try again in a moment",
    grpc.StatusCode.UNKNOWN: "the api failed; its log says why",
    grpc.StatusCode.INTERNAL: "the api failed; its log says why",
    grpc.StatusCode.UNIMPLEMENTED: "the api does not offer this yet",
}
"""Texts for errors without details from the api: their own text may be a library's."""

_REST_NAMES = {
    "duration_seconds": "duration",
    "page_size": "limit",
    "page_token": "cursor",
    "order_by": "sort",
    "width": "size",
    "height": "size",
    "statuses": "status",
    "priorities": "priority",
    "models": "model",
    "styles": "style",
    "created_from": "from",
    "created_before": "to",
    "after_sequence": "after",
    "min_level": "level",
    "before_position": "before",
    "time": "as_of",
}
_REST_FIELDS = {
    "selection": "job_ids",
    "filter": "from",
    "range": "from",
    "range.before": "to",
    "range.from": "from",
}
_RENAMED = re.compile(r"\b(duration_seconds|page_size|page_token|order_by|created_from|created_before)\b")
_FIELD = re.compile(r"[a-z_]+")


def rest_field(name: str) -> str:
    """Return the REST name of a field of a gRPC request: `filter.created_from` is `from`."""
    if name in _REST_FIELDS:
        return _REST_FIELDS[name]
    for prefix in ("selection.", "filter.", "range."):
        if name.startswith(prefix) and not name.startswith("selection.filter"):
            name = name[len(prefix) :]
    name = name.removeprefix("selection.")
    return _FIELD.sub(lambda found: _REST_NAMES.get(found.group(), found.group()), name)


def _with_rest_names(text: str) -> str:
    return _RENAMED.sub(lambda found: _REST_NAMES[found.group()], text)


def _status(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    call: Any = error  # what is read of a call, its error has too
    try:
        return rpc_status.from_call(call)
    except ValueError:
        return None


def is_from_api(error: grpc.aio.AioRpcError) -> bool:
    """Return whether the api itself failed the call, so that it is at least reachable."""
    return _status(error) is not None


def from_call(error: grpc.aio.AioRpcError) -> HttpProblemError:
    """Return the problem of a failed call."""
    code, status = error.code(), _status(error)
    if status is None:
        detail = _FALLBACK_DETAILS.get(code) or error.details() or code.name
        status = status_pb2.Status(code=code.value[0], message=detail)
    problem = from_rpc_status(status)
    if problem.status >= 500 and problem.status != HTTPStatus.INSUFFICIENT_STORAGE:
        logger.warning(
            "call to the api failed", extra=fields("upstream", code=code.name, reason=problem.reason)
        )
    return HttpProblemError(
        problem.status, problem.reason, problem.detail, tuple(problem.violations), _headers(problem, status)
    )


def refusal(error: grpc.aio.AioRpcError | HttpProblemError) -> HttpProblemError:
    """Return the problem of what the api or the gateway itself refused."""
    return error if isinstance(error, HttpProblemError) else from_call(error)


def _headers(problem: Problem, status: status_pb2.Status) -> dict[str, str]:
    """Return the headers that tell the caller what to do next: present a key, or retry after some seconds."""
    if problem.status == 401:
        return {"WWW-Authenticate": "Bearer"}
    for detail in status.details:
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(retry):
            return {"Retry-After": str(max(1, ceil(retry.retry_delay.ToMilliseconds() / 1000)))}
    return {"Retry-After": "1"} if problem.status in (429, 503) else {}


def from_rpc_status(status: status_pb2.Status) -> Problem:
    """Return the problem that a google.rpc.Status describes."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    reason, violations = code.name, list[Violation]()
    for detail in status.details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            reason = info.reason or reason
        elif detail.Unpack(bad):
            violations += [
                Violation(field=rest_field(v.field) or "body", message=_with_rest_names(v.description))
                for v in bad.field_violations
            ]
    message = _with_rest_names(status.message) or _FALLBACK_DETAILS.get(code, code.name)
    if violations:
        message = "; ".join(f"{v.field} {v.message}" for v in violations[:SHOWN_VIOLATIONS])
    return make_problem(
        _HTTP_BY_REASON.get(reason) or _HTTP.get(code, 500), reason, message, tuple(violations)
    )
