"""A message on its way to any number of clients, turned into text once, when the first of them takes it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from pydantic import BaseModel

from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.enum_names import TERMINAL
from kinolog_gateway.websocket import messages


class MessageKind(Enum):
    """What a message is about; decides what may be done to it when a client is slow."""

    COMMIT = auto()
    """The job after a commit. Conflated only for a slow client, and never when the job ended."""
    PROGRESS = auto()
    PREVIEW = auto()
    QUEUE = auto()
    """Only the newest counts: the latest value replaces the one that waits."""
    LOG = auto()
    REPLY = auto()
    """To one client: never dropped."""


class OutgoingMessage:
    """One message. `sequence` is that of a log line; `attempt` that of progress and previews."""

    __slots__ = ("_build", "_text", "attempt", "job_id", "kind", "position", "sequence", "terminal")

    def __init__(
        self,
        kind: MessageKind,
        position: int,
        build: Callable[[], BaseModel],
        *,
        job_id: str = "",
        terminal: bool = False,
        sequence: int = 0,
        attempt: int = 0,
    ) -> None:
        self.kind = kind
        self.position = position
        self.job_id = job_id
        self.terminal = terminal
        self.sequence = sequence
        self.attempt = attempt
        self._build: Callable[[], BaseModel] | None = build
        self._text: str | None = None

    @property
    def text(self) -> str:
        """The message as JSON."""
        if self._text is None:
            assert self._build is not None  # noqa: S101 - it is dropped only when the text is there
            model, self._build = self._build(), None
            self._text = model.__pydantic_serializer__.to_json(model).decode()
        return self._text


def commit(position: int, job: pb.Job, events: list[str]) -> OutgoingMessage:
    """A job after a commit, or as it stands."""
    return OutgoingMessage(
        MessageKind.COMMIT,
        position,
        lambda: messages.commit_message(position, job, events),
        job_id=job.id,
        terminal=job.status in TERMINAL,
        attempt=job.attempt,
    )


def progress(position: int, made: pb.Progress, job: pb.Job | None) -> OutgoingMessage:
    """A job that gets on."""
    return OutgoingMessage(
        MessageKind.PROGRESS,
        position,
        lambda: messages.progress_message(position, made, job),
        job_id=made.job_id,
        attempt=made.attempt,
    )


def preview(position: int, picture: pb.Preview) -> OutgoingMessage:
    """A picture."""
    return OutgoingMessage(
        MessageKind.PREVIEW,
        position,
        lambda: messages.preview_message(position, picture),
        job_id=picture.job_id,
        attempt=picture.attempt,
    )


def log(position: int, entry: pb.LogEntry) -> OutgoingMessage:
    """A log line."""
    return OutgoingMessage(
        MessageKind.LOG,
        position,
        lambda: messages.log_message(position, entry),
        job_id=entry.job_id,
        sequence=entry.sequence,
    )


def queue(position: int, counts: jobs.SummarizeJobsResponse) -> OutgoingMessage:
    """The numbers of jobs."""
    return OutgoingMessage(MessageKind.QUEUE, position, lambda: messages.queue_message(position, counts))


def error(position: int, reason: str, message: str, channel: str | None = None) -> OutgoingMessage:
    """Something that did not work."""
    return OutgoingMessage(
        MessageKind.REPLY, position, lambda: messages.error_message(position, reason, message, channel)
    )


def pong(position: int, ping_id: str | None) -> OutgoingMessage:
    """The answer to a ping."""
    return OutgoingMessage(MessageKind.REPLY, position, lambda: messages.pong_message(position, ping_id))
