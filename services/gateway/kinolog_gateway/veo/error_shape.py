"""Errors as clients of Google read them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from kinolog_gateway.compatibility.error_shapes import ShapedError, error_responses
from kinolog_gateway.http.problems import Problem

_STATUSES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class GoogleErrorDetail(BaseModel):
    """What is wrong."""

    code: int = Field(description="The HTTP status.")
    message: str = Field(description="A sentence for people: what is wrong and what to do.")
    status: str = Field(description="A code for programs.", examples=["INVALID_ARGUMENT"])


class GoogleError(BaseModel):
    """Why a request failed, as clients of Google read it."""

    error: GoogleErrorDetail


def google_error(problem: Problem) -> ShapedError:
    """Return the error for a problem."""
    usual = "INVALID_ARGUMENT" if problem.status < 500 else "INTERNAL"
    status = _STATUSES.get(problem.status, usual)
    detail = GoogleErrorDetail(code=problem.status, message=problem.detail, status=status)
    return ShapedError(body=GoogleError(error=detail))


GOOGLE_ERRORS = error_responses(GoogleError)
"""Every route can respond with an error."""
