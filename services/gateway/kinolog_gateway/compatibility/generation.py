"""Requests of other services as GenerateRequest: other names, texts for numbers, errors in the names of the client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from grpc.aio import AioRpcError
from pydantic import ValidationError

from kinolog_gateway.compatibility.form_fields import from_json
from kinolog_gateway.http import grpc_errors, request_errors
from kinolog_gateway.http.problems import HttpProblemError, Problem, Violation, invalid
from kinolog_gateway.requests.generate import GenerateRequest

EXTRA_FIELDS = ("extra_params", "extra_body")
"""Fields with an object of further ones. They replace those beside them."""

MAX_LEVELS = 4
"""Lists within lists whose texts are converted; no field has more."""

_PARTS = frozenset({"name", "role", "upload_id", "transition", "prompt"})
"""Texts in lists of scenes, inputs and LoRAs."""


def _takes_texts(annotation: Any) -> bool:
    """Return whether a field of GenerateRequest holds a text or a word."""
    inner = [each for each in get_args(annotation) if each is not type(None)]
    if annotation is str or isinstance(annotation, str):
        return True
    return bool(inner) and _takes_texts(inner[0])


_TEXTS = frozenset(
    name for name, info in GenerateRequest.model_fields.items() if _takes_texts(info.annotation)
)


@dataclass(slots=True, kw_only=True)
class ForeignNames:
    """What the fields of a request are called there, by the names that they have here."""

    names: dict[str, str] = field(default_factory=dict)

    def invalid_fields(self, error: ValidationError) -> HttpProblemError:
        """Return the error of a request that GenerateRequest does not take."""
        found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        return self._renamed(request_errors.from_validation(found), {})

    def refused(self, error: AioRpcError) -> HttpProblemError:
        """Return the error of a request that the api refused."""
        problem = grpc_errors.from_call(error)
        return self._renamed(problem.problem, problem.headers)

    def _renamed(self, problem: Problem, headers: Mapping[str, str]) -> HttpProblemError:
        violations = tuple(
            Violation(field=self._name(each.field), message=each.message) for each in problem.violations
        )
        detail = problem.detail
        if violations:
            detail = "; ".join(f"{each.field} {each.message}" for each in violations)
        return HttpProblemError(problem.status, problem.reason, detail, violations, headers)

    def _name(self, path: str) -> str:
        name = path.partition(".")[0].partition("[")[0]
        known = self.names.get(name, name)
        return known + path.removeprefix(name) if known == name else known


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A request as GenerateRequest, and what its fields were called."""

    request: GenerateRequest
    foreign: ForeignNames


def merged_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given fields with those of EXTRA_FIELDS. Raises `HttpProblemError` if these are no objects."""
    merged = dict(fields)
    for name in EXTRA_FIELDS:
        extra = from_json(merged.pop(name, None))
        if extra is not None and not isinstance(extra, dict):
            raise invalid(name, "must be a JSON object of further fields")
        merged.update(extra or {})
    return {name: value for name, value in merged.items() if value is not None}


def generation(fields: Mapping[str, Any], aliases: Mapping[str, str]) -> Generation:
    """Return the request of some fields. `aliases` are other names of fields of GenerateRequest.

    Raises `HttpProblemError` that names a wrong field as the client does.
    """
    foreign = ForeignNames()
    values: dict[str, Any] = {}
    for name, value in _with_size(fields).items():
        own = aliases.get(name, name)
        if own in values and own in foreign.names:
            raise invalid(name, f"gives the same as {foreign.names[own]}; give one of them")
        values[own] = value if own in _TEXTS else _converted(value)
        foreign.names.setdefault(own, name)
    try:
        return Generation(request=GenerateRequest.model_validate(values), foreign=foreign)
    except ValidationError as error:
        raise foreign.invalid_fields(error) from None


def _with_size(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with a size in place of a width and a height."""
    found = dict(fields)
    width, height = found.pop("width", None), found.pop("height", None)
    if width is None and height is None:
        return found
    if width is None or height is None:
        raise invalid("width", "and height belong together; give both, or a size such as 832x480")
    if "size" in found:
        raise invalid("size", "is given twice; give a size, or a width and a height")
    return {**found, "size": f"{width}x{height}"}


def _converted(value: Any, levels: int = MAX_LEVELS) -> Any:
    """Return a value with numbers and booleans for texts that are such. What is nested deeper stays as it is."""
    value = from_json(value)
    if isinstance(value, list) and levels:
        return [
            _converted(each, levels - 1) if not isinstance(each, dict) else _converted_part(each)
            for each in value
        ]
    return value


def _converted_part(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value if name in _PARTS else from_json(value) for name, value in part.items()}
