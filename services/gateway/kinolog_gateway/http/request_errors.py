"""Problems of requests that do not fit a route: the errors of pydantic and of the router, reworded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kinolog.counts import counted
from kinolog_gateway.http.problems import Problem, Violation, make_problem
from kinolog_gateway.http.text_patterns import IN_WORDS

MAX_NAME = 64
"""Characters of an unknown field's name that a problem repeats."""

_REASONS = {
    400: "BAD_REQUEST",
    404: "ROUTE_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "BODY_TOO_LARGE",
}
_DETAILS = {
    400: "the request could not be read; send one JSON object",
    404: "there is no such route; /openapi.json lists all of them",
    405: "this route does not accept that method; see the Allow header",
    413: "the body is larger than 1 MB; send less",
}


def from_validation(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """Return the problem of a request that does not validate."""
    violations = tuple(violation(error) for error in errors)
    first = violations[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    return make_problem(400, "INVALID_FIELDS", f"{first.field} {first.message}{more}", violations)


def from_status(status: int) -> Problem:
    """Return the problem of a request that the router refuses with this HTTP status."""
    detail = _DETAILS.get(status, "the request was refused")
    return make_problem(status, _REASONS.get(status, "REFUSED"), detail)


def violation(error: Mapping[str, Any]) -> Violation:
    """Return the violation of a pydantic error, without the first element of its location."""
    error_type = str(error["type"])
    location = tuple(error["loc"])
    if error_type == "json_invalid":
        at = location[1] if len(location) > 1 else 0
        return Violation(field="body", message=f"is not JSON at character {at}: {error['ctx']['error']}")
    if location == ("body",):
        return Violation(field="body", message="must be a JSON object")
    return Violation(
        field=field_path(location[1:]), message=f"{_message(error_type, error)}{_scene(location[1:])}"
    )


def _scene(location: Sequence[str | int]) -> str:
    """Return which scene of a video a location is in, as people count them, from 1."""
    match location:
        case ["scenes", int(index), *_]:
            return f" (scene {index + 1})"
    return ""


def field_path(location: Sequence[str | int]) -> str:
    """Return a location as a path: `job_ids[0]`, `filter.status[1]`."""
    path = ""
    for element in location:
        if isinstance(element, int):
            path += f"[{element}]"
        else:
            path += ("." if path else "") + element[:MAX_NAME]
    return path


def _message(error_type: str, error: Mapping[str, Any]) -> str:
    context = error.get("ctx") or {}
    match error_type:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not known here; omit it, or see /openapi.json for the names"
        case "literal_error":
            return f"must be one of {context['expected']}"
        case "finite_number":
            return "must be a number, not NaN or infinity"
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            return IN_WORDS.get(context["pattern"], f"must match {context['pattern']}")
        case "too_long" | "string_too_long":
            return f"must have at most {_counted(context['max_length'], error)}"
        case "too_short" | "string_too_short":
            return f"must have at least {_counted(context['min_length'], error)}"
    message = str(error["msg"])
    for opening in ("Input should", "String should", "List should", "Value should"):
        if message.startswith(opening):
            return f"must{message[len(opening) :]}"
    return message[:1].lower() + message[1:]


def _counted(limit: int, error: Mapping[str, Any]) -> str:
    """Return the limit of a length: pydantic names items where a limit follows another check, for texts too."""
    is_text = isinstance(error["input"], str) and (error.get("ctx") or {}).get("field_type") != "List"
    return counted(limit, "character" if is_text else "item")
