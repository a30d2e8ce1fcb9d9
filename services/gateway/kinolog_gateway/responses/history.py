"""A job's history and its log lines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from kinolog.codec.plain_fields import json_values
from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import event_pb2 as events
from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.enum_names import LogLevelName, log_level_name, time_field
from kinolog_gateway.responses.job import JobDetail, job_detail
from kinolog_gateway.responses.job_parts import ResponseModel


class EventView(ResponseModel):
    """One event."""

    type: str = Field(description="Name of the event in the log.", examples=["attempt_started"])
    at: datetime | None
    data: dict[str, Any] = Field(
        description="Fields of the event. Prompts are sealed in the log and omitted."
    )


class CommitView(ResponseModel):
    """One commit of the log: a command and the events that it produced."""

    position: int
    at: datetime | None
    command: str = Field(description="Name of the command.", examples=["submit"])
    command_id: str
    actor: str = Field(description="Who sent the command.")
    api_key_id: str = Field(
        description="Id of the API key that was presented; empty for other keys and for workers."
    )
    client: str = Field(
        description="Program of the caller, as it names itself; empty if it named none.",
        examples=["curl/8.5.0"],
    )
    address: str = Field(
        description="Address of the caller; empty if it is not known, and once the job is erased.",
        examples=["192.0.2.7"],
    )
    via: str = Field(description="Address of the gateway that named the address; empty for a direct call.")
    events: list[EventView]
    version: int = Field(description="Number of events in the history up to this commit.")
    hash: str = Field(description="SHA-256 of its bytes, in hexadecimal.")
    previous_hash: str | None = Field(description="Hash of the job's previous commit; null for the first.")
    previous_position: int | None = Field(
        description="Position of the job's previous commit; null for the first."
    )


class HistoryView(ResponseModel):
    """The commits of a job up to a time or position, and its state then."""

    job_id: str
    commits: list[CommitView]
    job: JobDetail | None = Field(
        description="The job after the last of these commits; null if there is none."
    )


class LogEntryView(ResponseModel):
    """A line that a worker logged about a job."""

    sequence: int = Field(description="Number of the line in the job's log; increasing.")
    at: datetime | None
    attempt: int
    level: LogLevelName
    message: str


class LogView(ResponseModel):
    """Log lines, oldest first."""

    job_id: str
    entries: list[LogEntryView]
    next_after: int | None = Field(
        description="Value of `after` for the next lines; null if there is no line."
    )


def history_view(job_id: str, history: audit.GetHistoryResponse) -> HistoryView:
    """Return the history of a job."""
    return HistoryView(
        job_id=job_id,
        commits=[commit_view(commit) for commit in history.commits],
        job=job_detail(history.job) if history.HasField("job") else None,
    )


def commit_view(commit: audit.RecordedCommit) -> CommitView:
    """Return the view of a commit."""
    return CommitView(
        position=commit.position,
        at=time_field(commit, "at"),
        command=commit.command.name,
        command_id=commit.command.id,
        actor=commit.command.actor,
        api_key_id=commit.command.api_key_id,
        client=commit.command.client,
        address=commit.command.address,
        via=commit.command.via,
        events=[_event(event) for event in commit.events],
        version=commit.version,
        hash=commit.hash,
        previous_hash=commit.previous_hash or None,
        previous_position=commit.previous_position or None,
    )


def _event(event: events.Event) -> EventView:
    kind = event.WhichOneof("kind") or "unknown"
    data = json_values(getattr(event, kind)) if kind != "unknown" else {}
    return EventView(type=kind, at=time_field(event, "at"), data=data)


def log_entry_view(entry: pb.LogEntry) -> LogEntryView:
    """Return the view of a log line."""
    return LogEntryView(
        sequence=entry.sequence,
        at=time_field(entry, "at"),
        attempt=entry.attempt,
        level=log_level_name(entry.level),
        message=entry.message,
    )


def log_view(job_id: str, response: jobs.ListLogEntriesResponse) -> LogView:
    """Return the log lines of a job."""
    entries = [log_entry_view(entry) for entry in response.entries]
    return LogView(job_id=job_id, entries=entries, next_after=entries[-1].sequence if entries else None)
