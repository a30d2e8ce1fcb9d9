"""A message for any number of clients, serialised once, when the first of them needs its text."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from pydantic import BaseModel

from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.enum_names import TERMINAL
from kinolog_gateway.live import messages


class MessageKind(Enum):
    """What a message is about. Decides how it may be conflated for a slow client."""

    COMMIT = auto()
    """A job after a commit. Conflated only for a slow client, and never when the job has ended."""
    PROGRESS = auto()
    PREVIEW = auto()
    QUEUE = auto()
    """Job counts. Newer counts replace older ones that still wait."""
    LOG = auto()
    REPLY = auto()
    """An error or a pong, to one client. Never dropped. Its position is set when it is sent."""


class OutgoingMessage:
    """One message. `sequence` is that of a log line, 0 for other kinds."""

    __slots__ = ("_build", "_text", "job_id", "kind", "position", "sequence", "terminal")

    def __init__(
        self,
        kind: MessageKind,
        position: int,
        build: Callable[[int], BaseModel],
        *,
        job_id: str = "",
        terminal: bool = False,
        sequence: int = 0,
    ) -> None:
        self.kind = kind
        self.position = position
        self.job_id = job_id
        self.terminal = terminal
        self.sequence = sequence
        self._build = build
        self._text: str | None = None

    @property
    def text(self) -> str:
        """The message as JSON."""
        if self._text is None:
            model = self._build(self.position)
            self._text = model.__pydantic_serializer__.to_json(model).decode()
            if self.kind is MessageKind.COMMIT:
                self._build = _built_once  # thousands of commits are remembered; their jobs need not be
        return self._text

    def at(self, position: int) -> OutgoingMessage:
        """Return the same message with another position. Not for commits: their position is a fact of the log."""
        return OutgoingMessage(
            self.kind,
            position,
            self._build,
            job_id=self.job_id,
            terminal=self.terminal,
            sequence=self.sequence,
        )


def _built_once(_: int) -> BaseModel:
    raise RuntimeError("a commit has one position, and its text is built once")


def commit(position: int, job: pb.Job, events: list[str]) -> OutgoingMessage:
    """Return the message of a job after a commit. Without events it shows the job's current state."""
    return OutgoingMessage(
        MessageKind.COMMIT,
        position,
        lambda at: messages.commit_message(at, job, events),
        job_id=job.id,
        terminal=job.status in TERMINAL,
    )


def progress(position: int, update: pb.Progress, job: pb.Job | None) -> OutgoingMessage:
    """Return the message of a running job's progress. `job` is the job after its last commit, if known."""
    return OutgoingMessage(
        MessageKind.PROGRESS,
        position,
        lambda at: messages.progress_message(at, update, job),
        job_id=update.job_id,
    )


def preview(position: int, picture: pb.Preview) -> OutgoingMessage:
    """Return the message of a preview image."""
    return OutgoingMessage(
        MessageKind.PREVIEW,
        position,
        lambda at: messages.preview_message(at, picture),
        job_id=picture.job_id,
    )


def log_line(position: int, entry: pb.LogEntry) -> OutgoingMessage:
    """Return the message of a log line."""
    return OutgoingMessage(
        MessageKind.LOG,
        position,
        lambda at: messages.log_message(at, entry),
        job_id=entry.job_id,
        sequence=entry.sequence,
    )


def queue(position: int, counts: jobs.SummarizeJobsResponse) -> OutgoingMessage:
    """Return the message of the job counts."""
    return OutgoingMessage(MessageKind.QUEUE, position, lambda at: messages.queue_message(at, counts))


def error(reason: str, message: str, channel: str | None = None) -> OutgoingMessage:
    """Return the reply that reports an error."""
    return OutgoingMessage(
        MessageKind.REPLY,
        0,
        lambda at: messages.error_message(at, reason=reason, message=message, channel=channel),
    )


def pong(ping_id: str | None) -> OutgoingMessage:
    """Return the reply to a ping."""
    return OutgoingMessage(MessageKind.REPLY, 0, lambda at: messages.pong_message(at, ping_id))
