"""What of a request no JSON, URL or header can carry, found before anything is sent. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kinolog_client.errors import InvalidRequest

IDEMPOTENCY_HEADER = "Idempotency-Key"
_HEADER_FIELDS = {IDEMPOTENCY_HEADER: "request_id"}
"""Arguments that are sent as a header."""
_HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")


def check_sendable(fields: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """Raise `InvalidRequest` with the fields that cannot be sent: half characters, infinite numbers, other headers."""
    violations = [*_violations(fields), *_header_violations(headers)]
    if violations:
        detail = "; ".join(f"{violation['field']} {violation['message']}" for violation in violations)
        problem = {"title": "Invalid request", "status": 400, "reason": "INVALID_FIELDS", "detail": detail}
        raise InvalidRequest(400, problem | {"violations": violations})


def _violations(value: object, path: str = "") -> Iterator[dict[str, str]]:
    match value:
        case str():
            if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
                yield {"field": path, "message": "must be UTF-8"}
        case float():
            if not math.isfinite(value):
                yield {"field": path, "message": "must be a finite number"}
        case Mapping():
            for name, item in value.items():
                yield from _violations(item, f"{path}.{name}" if path else str(name))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from _violations(item, f"{path}[{index}]")


def _header_violations(headers: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for name, value in headers.items():
        if not _HEADER_VALUE.fullmatch(value):
            yield {
                "field": _HEADER_FIELDS.get(name, name),
                "message": "may hold letters, digits and ._:- only",
            }
