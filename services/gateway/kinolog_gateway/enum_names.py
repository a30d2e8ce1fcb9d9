"""The words that REST and WebSocket use for the numbers of the wire's enums, both ways, and times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, cast, get_args

from google.protobuf.timestamp_pb2 import Timestamp

from kinolog.v1 import job_pb2 as pb

StatusWord: TypeAlias = Literal["queued", "processing", "completed", "failed", "cancelled"]
PriorityWord: TypeAlias = Literal["low", "medium", "high", "critical"]
StageWord: TypeAlias = Literal[
    "storyboard", "prefetch", "encode_prompt", "denoise", "decode", "assemble", "sign", "store"
]
KindWord: TypeAlias = Literal["video", "thumbnail", "preview", "scene"]
LevelWord: TypeAlias = Literal["debug", "info", "warning", "error"]

TERMINAL = frozenset({pb.STATUS_COMPLETED, pb.STATUS_FAILED, pb.STATUS_CANCELLED})
"""Statuses after which nothing happens unless somebody asks for it."""


def _numbers(words: Any, prefix: str, enum: Any) -> dict[str, int]:
    return {word: enum.Value(f"{prefix}_{word.upper()}") for word in get_args(words)}


STATUS_NUMBERS = _numbers(StatusWord, "STATUS", pb.Status)
PRIORITY_NUMBERS = _numbers(PriorityWord, "PRIORITY", pb.Priority)
STAGE_NUMBERS = _numbers(StageWord, "STAGE", pb.Stage)
KIND_NUMBERS = _numbers(KindWord, "ARTIFACT_KIND", pb.ArtifactKind)
LEVEL_NUMBERS = _numbers(LevelWord, "LOG_LEVEL", pb.LogLevel)

_STATUSES = {number: word for word, number in STATUS_NUMBERS.items()}
_PRIORITIES = {number: word for word, number in PRIORITY_NUMBERS.items()}
_STAGES = {number: word for word, number in STAGE_NUMBERS.items()}
_KINDS = {number: word for word, number in KIND_NUMBERS.items()}
_LEVELS = {number: word for word, number in LEVEL_NUMBERS.items()}


def status_name(number: int) -> StatusWord:
    """The word for a status. Raises KeyError for one that this gateway does not know."""
    return cast(StatusWord, _STATUSES[number])


def priority_name(number: int) -> PriorityWord:
    """The word for a priority; a job without one has medium."""
    return cast(PriorityWord, _PRIORITIES.get(number, "medium"))


def stage_name(number: int) -> StageWord | None:
    """The word for a stage; None before the first."""
    return cast("StageWord | None", _STAGES.get(number))


def kind_name(number: int) -> KindWord:
    """The word for a kind of file. Raises KeyError for one that this gateway does not know."""
    return cast(KindWord, _KINDS[number])


def level_name(number: int) -> LevelWord:
    """The word for the level of a log line; one without a level is info."""
    return cast(LevelWord, _LEVELS.get(number, "info"))


def instant(message: Any, field: str) -> datetime | None:
    """The time in a field of a message, in UTC; None when it is not set."""
    if not message.HasField(field):
        return None
    return moment(getattr(message, field))


def moment(stamp: Timestamp) -> datetime:
    """A timestamp of the wire, in UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def optional(message: Any, field: str) -> Any:
    """The value of a field that may be absent; None when it is."""
    return getattr(message, field) if message.HasField(field) else None
