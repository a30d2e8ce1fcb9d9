"""Errors of the client. Every one of them is a `GatewayError`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class GatewayError(Exception):
    """A request failed. The text names the cause and what to do."""

    status: int | None = None
    """HTTP status of the answer. None if no answer came."""
    reason: str = ""
    """The gateway's constant for programs, such as `JOB_NOT_FOUND`. Empty if it gave none."""


class InvalidSettings(GatewayError, ValueError):
    """The client cannot be created with this address, API key, or proxy of the environment. Nothing was sent."""


class GatewayUnreachable(GatewayError):
    """No answer came from `url`. `cause` is the text of the network error.

    `not_running`: the address is on this machine, and nothing listens at it.
    """

    def __init__(self, url: str, cause: str, *, not_running: bool = False) -> None:
        advice = (
            "start it with `kinolog up`, or give another address"
            if not_running
            else "check the address and the network"
        )
        super().__init__(f"cannot reach kinolog at {url} ({cause}); {advice}")
        self.url = url
        self.cause = cause
        self.not_running = not_running


class UnexpectedAnswer(GatewayError):
    """An answer that the client cannot read. `detail` names the invalid field."""

    def __init__(self, url: str, detail: str, status: int | None = None) -> None:
        super().__init__(
            f"{url} answers, but not as kinolog does ({detail}); is the address right, and is the client as new "
            "as the server?"
        )
        self.url = url
        self.detail = detail
        self.status = status


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What is wrong with one field of a request, as the request spells the field."""

    field: str
    message: str


class ProblemError(GatewayError):
    """A refusal, as an RFC 9457 problem. `problem` is the JSON object as received."""

    def __init__(
        self, status: int, problem: Mapping[str, Any], retry_after_seconds: float | None = None
    ) -> None:
        self.status: int = status
        self.problem = dict(problem)
        self.title = str(problem.get("title") or "")
        self.detail = str(problem.get("detail") or self.title or f"HTTP {status}")
        self.reason = str(problem.get("reason") or "")
        self.violations = tuple(_violations(problem.get("violations")))
        self.retry_after_seconds = retry_after_seconds
        """When to try again, in seconds. None if the answer has no Retry-After."""
        super().__init__(self.detail)


class InvalidRequest(ProblemError):
    """A field is wrong (400, 413, 415, 416, 422). `violations` names the fields. Nothing was done."""


class Unauthorized(ProblemError):
    """The API key is missing or wrong (401)."""


class Forbidden(ProblemError):
    """The key does not permit this, or the gateway does not serve this origin or host name (403)."""


class NotFound(ProblemError):
    """There is no such job, file or route (404, 405). `reason` names which."""


class Conflict(ProblemError):
    """The job does not accept this in its current status, or the request id was used for another body (409, 412)."""


class TooManyRequests(ProblemError):
    """Too much at once (429). Try again after `retry_after_seconds`."""


class ServerError(ProblemError):
    """The gateway failed (5xx)."""


class ServiceUnavailable(ServerError):
    """A service behind the gateway is away or too slow (503, 504). Try again later."""


_CLASSES: dict[int, type[ProblemError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: NotFound,
    409: Conflict,
    412: Conflict,
    413: InvalidRequest,
    415: InvalidRequest,
    416: InvalidRequest,
    422: InvalidRequest,
    429: TooManyRequests,
    503: ServiceUnavailable,
    504: ServiceUnavailable,
}


def problem_error(status: int, headers: Mapping[str, str], content: bytes) -> ProblemError:
    """Return the error of an answer with a status of 400 or more; `headers` must not be case-sensitive."""
    try:
        problem = json.loads(content)
    except ValueError:
        problem = {}
    kind = _CLASSES.get(status, ServerError if status >= 500 else ProblemError)
    return kind(status, problem if isinstance(problem, dict) else {}, retry_after_seconds(headers))


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return when to try again, in seconds; None if the answer does not say. `headers` must not be case-sensitive."""
    seconds = headers.get("retry-after", "")
    return float(seconds) if seconds.isdecimal() else None


def _violations(listed: object) -> list[FieldViolation]:
    if not isinstance(listed, list):
        return []
    return [
        FieldViolation(str(item.get("field") or ""), str(item.get("message") or ""))
        for item in listed
        if isinstance(item, dict)
    ]
