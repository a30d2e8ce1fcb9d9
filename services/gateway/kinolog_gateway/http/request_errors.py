"""Problems of requests that do not fit the route: what pydantic and the router find, in our words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kinolog_gateway.http.problems import Problem, Violation, make_problem

MAX_NAME = 64
"""Characters of an unknown field's name that an answer repeats."""

_REASONS = {
    400: "BAD_REQUEST",
    404: "ROUTE_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "BODY_TOO_LARGE",
}
_DETAILS = {
    400: "the request could not be read; send one JSON object",
    404: "there is no such route; /openapi.json lists all of them",
    405: "this route does not take that method; the Allow header names those that it takes",
    413: "the body is larger than 1 MB; send less",
}


def from_validation(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """The problem of a request whose parts do not validate."""
    violations = tuple(violation(error) for error in errors)
    first = violations[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    return make_problem(400, "INVALID_FIELDS", f"{first.field} {first.message}{more}", violations)


def from_status(status: int) -> Problem:
    """The problem of a request that no route takes."""
    detail = _DETAILS.get(status, "the request was refused")
    return make_problem(status, _REASONS.get(status, "REFUSED"), detail)


def violation(error: Mapping[str, Any]) -> Violation:
    """What is wrong, from an error of pydantic's; the first part of its location is left out."""
    kind = str(error["type"])
    location = tuple(error["loc"])
    if kind == "json_invalid":
        at = location[1] if len(location) > 1 else 0
        return Violation(field="body", message=f"is not JSON at character {at}: {error['ctx']['error']}")
    if location == ("body",):
        return Violation(field="body", message="must be a JSON object")
    return Violation(field=field_path(location[1:]), message=_message(kind, error))


def field_path(location: Sequence[str | int]) -> str:
    """A location as people write it: `job_ids[0]`, `filter.status[1]`."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += ("." if path else "") + part[:MAX_NAME]
    return path


def _message(kind: str, error: Mapping[str, Any]) -> str:
    context = error.get("ctx") or {}
    match kind:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not known here; leave it out, or see /openapi.json for the names"
        case "literal_error":
            return f"must be one of {context['expected']}"
        case "finite_number":
            return "must be a number, not NaN or infinity"
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            return f"must match {context['pattern']}"
    message = str(error["msg"])
    for start in ("Input should", "String should", "List should", "Value should"):
        if message.startswith(start):
            return f"must{message[len(start) :]}"
    return message[:1].lower() + message[1:]
