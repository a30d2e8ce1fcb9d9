"""Errors as the SDKs of OpenAI read them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from kinolog_gateway.compatibility.error_shapes import ShapedError, error_responses
from kinolog_gateway.http.problems import Problem

SHOULD_RETRY_HEADER = "x-should-retry"
"""Tells an SDK whether to send the request again, whatever the status."""

_TYPES = {403: "permission_error", 429: "rate_limit_error"}
_CODES = {"KEY_REQUIRED": "invalid_api_key"}
_FINAL = frozenset({409, 501, 507})
"""Statuses that an SDK would try again, and that stay the same."""


class OpenAiErrorDetail(BaseModel):
    """What is wrong."""

    message: str = Field(description="A sentence for people: what is wrong and what to do.")
    type: str = Field(
        description="invalid_request_error, permission_error, rate_limit_error or server_error."
    )
    param: str | None = Field(description="The field that is wrong, if one is.")
    code: str = Field(
        description="A code for programs: the reason of the REST problem in lower case.",
        examples=["job_not_found"],
    )


class OpenAiError(BaseModel):
    """Why a request failed, as the SDKs of OpenAI read it."""

    error: OpenAiErrorDetail


def openai_error(problem: Problem) -> ShapedError:
    """Return the error and the headers for a problem."""
    kind = _TYPES.get(problem.status, "invalid_request_error" if problem.status < 500 else "server_error")
    detail = OpenAiErrorDetail(
        message=problem.detail,
        type=kind,
        param=problem.violations[0].field if problem.violations else None,
        code=_CODES.get(problem.reason, problem.reason.lower()),
    )
    headers = {SHOULD_RETRY_HEADER: "false"} if problem.status in _FINAL else {}
    return ShapedError(body=OpenAiError(error=detail), headers=headers)


OPENAI_ERRORS = error_responses(OpenAiError)
"""Every route can respond with an error."""
