"""A job's history and its log lines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import Field

from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import event_pb2 as events
from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.enum_names import LevelWord, instant, level_name, moment
from kinolog_gateway.responses.job import JobDetail, job_detail
from kinolog_gateway.responses.job_parts import ResponseModel


class EventView(ResponseModel):
    """One thing that happened."""

    type: str = Field(description="Its name in the log.", examples=["attempt_started"])
    at: datetime | None
    data: dict[str, Any] = Field(description="Its facts. Prompts are sealed in the log and left out.")


class CommitView(ResponseModel):
    """One decision as it stands in the log: a command, and the events it led to."""

    position: int
    at: datetime | None
    command: str = Field(description="What was asked.", examples=["submit"])
    command_id: str
    actor: str = Field(description="Who asked.")
    events: list[EventView]
    version: int = Field(description="Number of events in the history up to here.")
    hash: str = Field(description="SHA-256 of its bytes, in hexadecimal.")
    previous_hash: str | None = Field(description="Hash of the job's previous commit; null for the first.")
    previous_position: int | None = Field(description="Its position; null for the first.")


class HistoryView(ResponseModel):
    """What happened to a job up to a time or position, and the state it was in then."""

    job_id: str
    commits: list[CommitView]
    job: JobDetail | None = Field(description="The job after the last of them; null when there is none.")


class LogEntryView(ResponseModel):
    """A line that a worker wrote about a job."""

    sequence: int = Field(description="Place of the line in the job's feed; grows.")
    at: datetime | None
    attempt: int
    level: LevelWord
    message: str


class LogView(ResponseModel):
    """Log lines, oldest first."""

    job_id: str
    entries: list[LogEntryView]
    next_after: int | None = Field(description="after for the lines that follow; null when there is no line.")


def history_view(job_id: str, history: audit.GetHistoryResponse) -> HistoryView:
    """The history of a job."""
    return HistoryView(
        job_id=job_id,
        commits=[_commit(commit) for commit in history.commits],
        job=job_detail(history.job) if history.HasField("job") else None,
    )


def _commit(commit: audit.RecordedCommit) -> CommitView:
    return CommitView(
        position=commit.position,
        at=instant(commit, "at"),
        command=commit.command.name,
        command_id=commit.command.id,
        actor=commit.command.actor,
        events=[_event(event) for event in commit.events],
        version=commit.version,
        hash=commit.hash,
        previous_hash=commit.previous_hash or None,
        previous_position=commit.previous_position or None,
    )


def _event(event: events.Event) -> EventView:
    kind = event.WhichOneof("kind") or "unknown"
    data = plain(getattr(event, kind)) if kind != "unknown" else {}
    return EventView(type=kind, at=instant(event, "at"), data=data)


def plain(message: Message) -> dict[str, Any]:
    """A message as JSON values: enums as words, times as times, bytes in hexadecimal, sealed texts left out.

    Numbers that are 0 are there; texts, lists and messages that are empty are not.
    """
    values: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.has_presence and not message.HasField(field.name):
            continue
        if (
            field.message_type is not None
            and field.message_type.full_name == events.Sealed.DESCRIPTOR.full_name
        ):
            continue
        if (field.is_repeated or isinstance(value, str | bytes)) and not value:
            continue
        if field.is_repeated:
            is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
            values[field.name] = dict(value) if is_map else [_plain_value(field, item) for item in value]
        else:
            values[field.name] = _plain_value(field, value)
    return values


def _plain_value(field: Any, value: Any) -> Any:
    if isinstance(value, Timestamp):
        return moment(value)
    if isinstance(value, Message):
        return plain(value)
    if isinstance(value, bytes):
        return value.hex()
    if field.enum_type is not None:
        prefix = field.enum_type.values_by_number[0].name.removesuffix("UNSPECIFIED")
        known = field.enum_type.values_by_number.get(value)
        return known.name.removeprefix(prefix).lower() if known is not None else value
    return value


def log_entry_view(entry: pb.LogEntry) -> LogEntryView:
    """One log line."""
    return LogEntryView(
        sequence=entry.sequence,
        at=instant(entry, "at"),
        attempt=entry.attempt,
        level=level_name(entry.level),
        message=entry.message,
    )


def log_view(job_id: str, answer: jobs.ListLogEntriesResponse) -> LogView:
    """The log lines of a job."""
    entries = [log_entry_view(entry) for entry in answer.entries]
    return LogView(job_id=job_id, entries=entries, next_after=entries[-1].sequence if entries else None)
