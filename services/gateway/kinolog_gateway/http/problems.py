"""Errors as RFC 9457 problem details, one shape for every route.

A problem never quotes the request. It names the field and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Violation(BaseModel):
    """One violation of one field."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(description="The field, as the request spells it.", examples=["duration"])
    message: str = Field(description="What is wrong, and what to do.", examples=["must be at most 600"])


class Problem(BaseModel):
    """Why a request failed (RFC 9457)."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:kinolog:problem:invalid-fields",
                    "title": "Bad Request",
                    "status": 400,
                    "detail": "duration must be at most 600",
                    "reason": "INVALID_FIELDS",
                    "violations": [{"field": "duration", "message": "must be at most 600"}],
                }
            ]
        },
    )

    type: str = Field(description="Identifies the kind of problem; derived from the reason.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(ge=400, le=599, description="The HTTP status.")
    detail: str = Field(description="A sentence for people: what is wrong and what to do.")
    reason: str = Field(description="A code for programs.", examples=["INVALID_FIELDS", "JOB_NOT_FOUND"])
    violations: list[Violation] = Field(
        default_factory=list, description="The fields that are wrong, if any."
    )


class HttpProblemError(Exception):
    """Raised to respond with a problem."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        violations: tuple[Violation, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = make_problem(status, reason, detail, violations)
        self.headers = dict(headers or {})


def make_problem(status: int, reason: str, detail: str, violations: tuple[Violation, ...] = ()) -> Problem:
    """Return a problem with its type and title filled in."""
    return Problem(
        type=f"urn:kinolog:problem:{reason.lower().replace('_', '-')}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        reason=reason,
        violations=list(violations),
    )


def invalid(name: str, message: str) -> HttpProblemError:
    """Return the error for a request whose field `name` is wrong. Halves of characters in the name are replaced."""
    name = name.encode("utf-8", "replace").decode()
    return HttpProblemError(
        400, "INVALID_FIELDS", f"{name} {message}", (Violation(field=name, message=message),)
    )


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response that carries a problem."""
    return Response(
        problem.model_dump_json(),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
