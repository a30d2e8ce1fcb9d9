"""Checking requests against the field rules of the contract (protovalidate)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from protovalidate import Validator
from protovalidate import Violation as Finding

from kinolog.ids import JOB_ID_PATTERN
from kinolog_api.rpc.errors import FieldViolation, invalid

_FIELD_OF_RULE = {
    "submit.length_once": "duration_seconds",
    "job_filter.dates_in_order": "created_from",
    "selection.one": "job_ids",
    "time_range.in_order": "from",
}
"""Where rules about a whole message point; they have no field of their own."""

_FORMS = {
    f"`^{JOB_ID_PATTERN}$`": "must be 26 lower-case letters and digits",
    "`^[A-Za-z0-9._:-]*$`": "may hold letters, digits and ._:- only",
}
"""What a pattern allows, in words."""

_FIRST_SECONDS = -62_135_596_800
_LAST_SECONDS = 253_402_300_799


class RequestRules:
    """The rules of the contract; compiled once, when a message type is first checked."""

    def __init__(self) -> None:
        self._validator = Validator()

    def check(self, request: Message) -> None:
        """Raise an INVALID_ARGUMENT ApiError with a violation per wrong field."""
        found = self.violations(request)
        if found:
            raise invalid(found)

    def violations(self, request: Message) -> list[FieldViolation]:
        """What is wrong with a request; empty when nothing is."""
        findings = self._validator.collect_violations(request)
        return [_violation(finding, request.DESCRIPTOR) for finding in findings] if findings else []


def _violation(finding: Finding, descriptor: Any) -> FieldViolation:
    proto = finding.proto
    elements = proto.field.elements if proto.field is not None else []
    path = "".join(map(_step, elements)).removeprefix(".")
    field = _FIELD_OF_RULE.get(proto.rule_id)
    if field is not None:
        path = f"{path}.{field}" if path else field
    if proto.rule_id.startswith("enum."):
        names = [element.field_name for element in elements]
        return FieldViolation(path, f"must be one of {', '.join(_choices(descriptor, names))}")
    return FieldViolation(path, _words(proto.message))


def _step(element: Any) -> str:
    subscript = f"[{element.subscript.value}]" if element.subscript is not None else ""
    return f".{element.field_name}{subscript}"


def _choices(descriptor: Any, names: list[str]) -> list[str]:
    """What the enum at the end of this path may say, as words: `PRIORITY_HIGH` is `high`."""
    for name in names[:-1]:
        descriptor = descriptor.fields_by_name[name].message_type
    enum = descriptor.fields_by_name[names[-1]].enum_type
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return [value.name.removeprefix(prefix).lower() for value in enum.values if value.number]


def _words(message: str) -> str:
    for pattern, words in _FORMS.items():
        if pattern in message:
            return words
    return message


def read_time(wire: Timestamp, field: str) -> datetime:
    """The time in UTC, rounded down to microseconds. Raises an ApiError for one outside years 1 to 9999."""
    if not _FIRST_SECONDS <= wire.seconds <= _LAST_SECONDS or not 0 <= wire.nanos < 1_000_000_000:
        raise invalid([FieldViolation(field, "must be a time between the years 1 and 9999")])
    return wire.ToDatetime(tzinfo=UTC)
