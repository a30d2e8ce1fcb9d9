"""The messages of a WebSocket client, and the channels that it can subscribe to."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from kinolog.ids import JOB_ID_PATTERN
from kinolog_gateway.http.request_errors import violation

CHANNEL_PATTERN = f"^(jobs|queue|job:{JOB_ID_PATTERN}|logs:{JOB_ID_PATTERN})$"
_CHANNEL = re.compile(CHANNEL_PATTERN)

ChannelKind: TypeAlias = Literal["jobs", "queue", "job", "logs"]
_KINDS: dict[str, ChannelKind] = {kind: kind for kind in get_args(ChannelKind)}


@dataclass(frozen=True, slots=True)
class Channel:
    """Something that a client can subscribe to. `job_id` is empty for channels about all jobs."""

    kind: ChannelKind
    job_id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.job_id}" if self.job_id else self.kind


JOBS = Channel("jobs")
QUEUE = Channel("queue")


def _check_channel(text: str) -> str:
    if not _CHANNEL.fullmatch(text):
        raise ValueError(
            "must be jobs, queue, job:<id> or logs:<id>, the id 26 lower-case letters and digits"
        )
    return text


def parse_channel(text: str) -> Channel:
    """Return the channel of a validated name."""
    kind, _, job_id = text.partition(":")
    return Channel(_KINDS[kind], job_id)


ChannelName = Annotated[
    str,
    AfterValidator(_check_channel),
    Field(
        description="jobs, queue, job:<id> or logs:<id>.",
        examples=["jobs", "job:abcdefghijklmnopqrstuvwxyz"],
        json_schema_extra={"pattern": CHANNEL_PATTERN},
    ),
]


class _ClientMessage(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Subscribe(_ClientMessage):
    """Start sending a channel."""

    type: Literal["subscribe"]
    channel: ChannelName
    after: Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)] | None = Field(
        None,
        description="Send everything after this position; for logs:<id>, after this sequence. Without it, from now on.",
    )


class Unsubscribe(_ClientMessage):
    """Stop sending a channel."""

    type: Literal["unsubscribe"]
    channel: ChannelName


class Ping(_ClientMessage):
    """Answer with a pong, after every earlier message was carried out."""

    type: Literal["ping"]
    id: Annotated[str, Field(max_length=64)] | None = Field(None, description="Returned in the pong.")


ClientMessage: TypeAlias = Annotated[Subscribe | Unsubscribe | Ping, Field(discriminator="type")]
_adapter: TypeAdapter[Subscribe | Unsubscribe | Ping] = TypeAdapter(ClientMessage)


class MalformedMessage(ValueError):
    """A client message that is not valid. The text names the field and what to do."""


def parse_client_message(text: str | None) -> Subscribe | Unsubscribe | Ping:
    """Return a validated message. Raises MalformedMessage, whose text never quotes the message."""
    if text is None:
        raise MalformedMessage("send text, not bytes: one JSON object per message")
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedMessage("send one JSON object per message") from None
    if not isinstance(value, dict):
        raise MalformedMessage("send one JSON object per message")
    try:
        return _adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
            raise MalformedMessage("type must be one of subscribe, unsubscribe, ping") from None
        found = violation({**first, "loc": ("message", *first["loc"][1:])})
        raise MalformedMessage(f"{found.field} {found.message}") from None
