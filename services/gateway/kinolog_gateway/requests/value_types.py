"""Types of the values in requests: names in any case, times, sizes, texts, ids."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from kinolog.models.codecs import VideoCodec
from kinolog.texts import is_blank, refusal
from kinolog_gateway.enum_names import PriorityName, ScopeName, StatusName
from kinolog_gateway.http import text_patterns

_SPACE_FOR_PLUS = re.compile(r"(T\S+) (\d\d:\d\d)$")
_OFFSET = re.compile(r"[Zz]|([+\- ])(\d\d):?(\d\d)")


class RequestModel(BaseModel):
    """Base of request models: no unknown fields, no NaN, no infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, values: Any) -> Any:
        """Return numbers without a fraction, such as 60.0, as integers: JSON has one type for both."""
        if not isinstance(values, dict):
            return values
        return {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in values.items()
        }


def lower_case(value: Any) -> Any:
    """Return a text in lower case without white space around it, and other values as they are."""
    return value.strip().lower() if isinstance(value, str) else value


def _split(value: Any) -> Any:
    """Return a name, a comma-separated text, or a list of both as one list of names."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return value
    names = [
        name.strip() if isinstance(name, str) else name
        for item in value
        for name in (item.split(",") if isinstance(item, str) else [item])
    ]
    return [name for name in names if name != ""]


def _split_lower(value: Any) -> Any:
    value = _split(value)
    return [lower_case(name) for name in value] if isinstance(value, list) else value


def _check_text(value: str) -> str:
    if problem := refusal(value, lines=True):
        raise ValueError(problem)
    return value


def check_line(value: str) -> str:
    """Return a text of one line. Raises ValueError for another text."""
    if problem := refusal(value):
        raise ValueError(problem)
    return value


def _check_not_blank(value: str) -> str:
    if is_blank(value):
        raise ValueError("must contain more than white space")
    return value


def _to_time(value: Any) -> Any:
    """Return RFC 3339 text as a time in UTC. Restores a plus that URL decoding turned into a space."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("must be an RFC 3339 time, such as 2026-11-22T15:00:00Z")
    try:
        time = datetime.fromisoformat(_SPACE_FOR_PLUS.sub(r"\1+\2", value.strip()))
        if time.tzinfo is None:
            raise ValueError
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-11-22T15:00:00Z") from None


def _to_offset(value: Any) -> Any:
    """Return an offset from UTC, such as +02:00 or Z. Restores a plus that URL decoding turned into a space."""
    if isinstance(value, timedelta):
        return value
    found = _OFFSET.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be an offset from UTC, such as +02:00 or Z")
    sign, hours, minutes = found.groups()
    if sign is None:
        return timedelta()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    if offset > timedelta(hours=14) or int(minutes) > 59:
        raise ValueError("must be an offset from UTC of at most 14 hours, such as +02:00")
    return -offset if sign == "-" else offset


def _to_size(value: str) -> str:
    width, height = (int(side) for side in value.lower().split("x"))
    if not (16 <= width <= 8192 and 16 <= height <= 8192):
        raise ValueError("must have sides of 16 to 8192 pixels")
    return f"{width}x{height}"


Priority = Annotated[PriorityName, BeforeValidator(lower_case)]
Statuses = Annotated[list[StatusName], BeforeValidator(_split_lower), Field(max_length=5)]
Scopes = Annotated[list[ScopeName], BeforeValidator(_split_lower), Field(max_length=5)]
Priorities = Annotated[list[PriorityName], BeforeValidator(_split_lower), Field(max_length=4)]
Codec = Annotated[VideoCodec, BeforeValidator(lower_case)]
Title = Annotated[str, AfterValidator(check_line), Field(min_length=1, max_length=200)]
Name = Annotated[str, AfterValidator(check_line), Field(min_length=1, max_length=200)]
Style = Annotated[
    str, BeforeValidator(lower_case), AfterValidator(check_line), Field(min_length=1, max_length=50)
]
Names = Annotated[list[Name], BeforeValidator(_split), Field(max_length=20)]
Styles = Annotated[list[Style], BeforeValidator(_split_lower), Field(max_length=20)]
Text = Annotated[str, AfterValidator(_check_text), Field(max_length=4000)]
Prompt = Annotated[str, AfterValidator(_check_text), AfterValidator(_check_not_blank), Field(max_length=4000)]
Rfc3339Time = Annotated[
    datetime, BeforeValidator(_to_time), WithJsonSchema({"type": "string", "format": "date-time"})
]
UtcOffset = Annotated[
    timedelta,
    BeforeValidator(_to_offset),
    WithJsonSchema({"type": "string", "pattern": r"^([Zz]|[+-]\d\d:?\d\d)$"}),
]
"""An offset from UTC: the clock of the person who asks."""
Size = Annotated[str, Field(pattern=text_patterns.SIZE), AfterValidator(_to_size)]
WebhookFormatName: TypeAlias = Literal["kinolog", "openai", "replicate", "fal"]
JobWebhookEventName: TypeAlias = Literal["job.started", "job.completed", "job.failed", "job.cancelled"]
WebhookEvents: TypeAlias = Annotated[
    list[JobWebhookEventName], Field(max_length=4, json_schema_extra={"uniqueItems": True})
]
WebhookUrl = Annotated[
    str, AfterValidator(check_line), Field(pattern=text_patterns.WEBHOOK_URL, max_length=2000)
]
JobId = Annotated[str, Field(pattern=text_patterns.ID)]
VariantOf = Annotated[str, Field(pattern=text_patterns.ID)]
RequestId = Annotated[str, Field(pattern=text_patterns.REQUEST_ID, max_length=128)]
