"""Validation of requests: the field rules in the proto files (protovalidate), and the rule of free texts.

See decision 3 and decision 51.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.unknown_fields import UnknownFieldSet
from protovalidate import Validator, Violation

from kinolog.connections.recent_entries import RecentEntries
from kinolog.ids import JOB_ID_PATTERN
from kinolog.storyboard.planner import MAX_PROMPT_CHARACTERS
from kinolog.texts import is_blank, refusal
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.errors import RequestViolation, invalid_argument, numbered_violation

_FIELD_OF_MESSAGE_RULE = {
    "submit.prompt": "prompt",
    "submit.shots_once": "shots",
    "submit.enhanced_shot": "enhance_prompt",
    "submit.scene_lengths": "scenes",
    "submit.length_once": "duration_seconds",
    "submit.id_beginning": "request_id",
    "submit.id_of_variants": "request_id",
    "submit.seeds_of_variants": "seed",
    "job_filter.dates_in_order": "created_from",
    "selection.one": "job_ids",
    "time_range.in_order": "from",
}
"""The field to name for rules of a whole message, which have no field of their own."""

_PATTERN_DESCRIPTIONS = {
    f"`^{JOB_ID_PATTERN}$`": "must be 26 lower-case letters and digits",
    "`^[A-Za-z0-9._:-]*$`": "may hold letters, digits and ._:- only",
}
"""Descriptions of patterns, by the pattern as protovalidate quotes it."""

_WITH_LINES = frozenset({"prompt", "negative_prompt", "reason", "text"})
"""Fields that may have tabs and several lines."""

_EACH_BY_ITSELF = frozenset({"kinolog.v1.BatchSubmitJobsRequest.requests", "kinolog.v1.PlanJobRequest.job"})
"""Fields whose messages are validated by their use case: one by one, or with the names of their own fields."""

_BLANK_PROMPT = "must hold 1 to 4,000 characters that are not all white space"

_SCENE_FIELD = re.compile(r"scenes\[(\d+)\]\.(.+)")

NAMED_UNKNOWN_BYTES = 1_024
"""Unknown fields are named one by one if they have at most this many bytes."""
_UNKNOWN_FIELD = "is a field that this version of the api does not have; leave it out, or upgrade the api"

_RULES = Validator()
"""The rules of the proto files. Those of a message are compiled when the first one of its type is validated."""

_REQUEST_ID = re.compile("[A-Za-z0-9._:-]{0,128}")
USUAL_SEEDS = 2**32
"""Seeds below this are valid whatever the other fields are."""
REMEMBERED_SUBMITS = 1_000

_MIN_SECONDS = -62_135_596_800
_MAX_SECONDS = 253_402_300_799


class RequestRules:
    """The rules in the proto files."""

    def __init__(self) -> None:
        self._valid_submits = ValidSubmits()

    def check(self, request: Message) -> None:
        """Raise INVALID_ARGUMENT with one violation per wrong field."""
        found = self.violations(request)
        if found:
            raise invalid_argument(found)

    def violations(self, request: Message) -> list[RequestViolation]:
        """Return the violations of a request; empty for a valid one."""
        if not isinstance(request, pb.SubmitJobRequest):
            return _violations(request)
        if self._valid_submits.include(request):
            return []
        found = _violations(request)
        if not found:
            self._valid_submits.add(request)
        return found


class ValidSubmits:
    """Remembers valid requests for jobs, by everything but what differs from job to job: prompt, request id and seed.

    To check all rules takes several times as long as to check these fields. Other rules read the length of the id,
    whether the prompt has a visible character, and whether the seed is one of the last few: a test holds this to them.
    """

    def __init__(self) -> None:
        self._known = RecentEntries[bytes, None](REMEMBERED_SUBMITS)

    def include(self, request: pb.SubmitJobRequest) -> bool:
        """Return whether a request is certainly valid."""
        prompt = request.prompt
        return (
            len(prompt) <= MAX_PROMPT_CHARACTERS
            and not is_blank(prompt)
            and not refusal(prompt, lines=True)
            and _REQUEST_ID.fullmatch(request.request_id) is not None
            and _hash_of_others(request) in self._known
        )

    def add(self, request: pb.SubmitJobRequest) -> None:
        """Remember a valid request. One without a prompt tells nothing about requests with one."""
        if not is_blank(request.prompt):
            self._known[_hash_of_others(request)] = None


def other_fields(request: pb.SubmitJobRequest) -> pb.SubmitJobRequest:
    """Return the fields of a request without prompt and request id, and without a seed that is below `USUAL_SEEDS`."""
    fields = pb.SubmitJobRequest()
    fields.CopyFrom(request)
    fields.ClearField("prompt")
    fields.ClearField("request_id")
    if 0 <= request.seed < USUAL_SEEDS:
        fields.ClearField("seed")
    return fields


def _hash_of_others(request: pb.SubmitJobRequest) -> bytes:
    """Return a hash of the other fields, and of the length of the id. It holds no text."""
    fields = other_fields(request)
    fields.request_id = str(len(request.request_id))
    return sha256(fields.SerializeToString(deterministic=True)).digest()


def _violations(request: Message) -> list[RequestViolation]:
    found = [
        _field_violation(violation, request.DESCRIPTOR)
        for violation in _RULES.collect_violations(request) or ()
    ]
    named = {violation.field for violation in found}
    texts = [violation for violation in _text_violations(request) if violation.field not in named]
    return [_with_scene_number(violation) for violation in found + texts]


def check_known_fields(request: Message, raw: bytes) -> None:
    """Raise INVALID_ARGUMENT if a request has fields that this version does not have. Protobuf would ignore them.

    `raw` are its bytes. To name the fields takes many times their memory, so only a few are named.
    """
    size = request.ByteSize()
    request.DiscardUnknownFields()
    unknown_bytes = size - request.ByteSize()
    if not unknown_bytes:
        return
    named = unknown_bytes <= NAMED_UNKNOWN_BYTES
    found = list(_unknown_fields(type(request).FromString(raw))) if named else []
    raise invalid_argument(found or [RequestViolation("", f"{_UNKNOWN_FIELD}: {unknown_bytes:,} bytes")])


def _unknown_fields(message: Message, path: str = "") -> Iterator[RequestViolation]:
    unknown = UnknownFieldSet(message)
    for number in sorted({unknown[index].field_number for index in range(len(unknown))}):
        problem = f"{_UNKNOWN_FIELD}: number {number} of {message.DESCRIPTOR.full_name}"
        yield RequestViolation(f"{path}{number}", problem)
    for field, value in message.ListFields():
        if field.type != FieldDescriptor.TYPE_MESSAGE:
            continue
        if isinstance(value, Message):
            yield from _unknown_fields(value, f"{path}{field.name}.")
        elif not (field.message_type is not None and field.message_type.GetOptions().map_entry):
            for index, item in enumerate(value):
                yield from _unknown_fields(item, f"{path}{field.name}[{index}].")


def _with_scene_number(violation: RequestViolation) -> RequestViolation:
    """Return a violation that names the scene that it is of, if it is of one."""
    scene = _SCENE_FIELD.match(violation.field)
    return numbered_violation(int(scene[1]), scene[2], violation.description) if scene else violation


def _text_violations(message: Message, path: str = "") -> Iterator[RequestViolation]:
    """Yield a violation for each text that holds a character that no text may hold, and for a blank prompt."""
    for field, value in message.ListFields():
        name = f"{path}{field.name}"
        if field.type not in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_MESSAGE):
            continue
        if field.full_name in _EACH_BY_ITSELF:
            continue
        several = not isinstance(value, str | Message)
        for index, item in enumerate(value if several else (value,)):
            at = f"{name}[{index}]" if several else name
            if isinstance(item, Message):
                yield from _text_violations(item, f"{at}.")
            elif problem := refusal(item, lines=field.name in _WITH_LINES):
                yield RequestViolation(at, problem)
            elif field.name == "prompt" and is_blank(item):
                yield RequestViolation(at, _BLANK_PROMPT)


def _field_violation(violation: Violation, descriptor: Any) -> RequestViolation:
    proto = violation.proto
    elements = proto.field.elements if proto.field is not None else []
    path = "".join(map(_path_segment, elements)).removeprefix(".")
    field = _FIELD_OF_MESSAGE_RULE.get(proto.rule_id)
    if field is not None:
        path = f"{path}.{field}" if path else field
    if proto.rule_id.startswith("enum."):
        names = [element.field_name for element in elements]
        return RequestViolation(path, f"must be one of {', '.join(_enum_choices(descriptor, names))}")
    return RequestViolation(path, _description(proto.message))


def _path_segment(element: Any) -> str:
    subscript = f"[{element.subscript.value}]" if element.subscript is not None else ""
    return f".{element.field_name}{subscript}"


def _enum_choices(descriptor: Any, names: list[str]) -> list[str]:
    """Return the values of the enum at the end of a path, in lower case: `PRIORITY_HIGH` is `high`."""
    for name in names[:-1]:
        descriptor = descriptor.fields_by_name[name].message_type
    enum = descriptor.fields_by_name[names[-1]].enum_type
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return [value.name.removeprefix(prefix).lower() for value in enum.values if value.number]


def _description(message: str) -> str:
    for pattern, description in _PATTERN_DESCRIPTIONS.items():
        if pattern in message:
            return description
    return message


def parse_time(wire: Timestamp, field: str) -> datetime:
    """Return the time in UTC, rounded down to microseconds. Raises `RpcError` outside of the years 1 to 9999."""
    if not _MIN_SECONDS <= wire.seconds <= _MAX_SECONDS or not 0 <= wire.nanos < 1_000_000_000:
        raise invalid_argument([RequestViolation(field, "must be a time between the years 1 and 9999")])
    return wire.ToDatetime(tzinfo=UTC)
