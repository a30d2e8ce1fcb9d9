"""Messages to watchers, encoded once for all of them.

WatchJobResponse and WatchJobsResponse have the same fields, so the same bytes serve both streams.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from kinolog.codec.progress import log_line_to_proto, preview_to_proto, progress_to_proto
from kinolog.codec.public_job import UnsealedFields, public_job
from kinolog.job.commit import RecordedCommit
from kinolog.job.events import Event
from kinolog.job.names import stored_name
from kinolog.ports.progress import LogLine, PreviewImage, Progress, ProgressUpdate
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb


class ProgressKind(Enum):
    """Kinds of progress updates. Each is conflated in its own way."""

    PROGRESS = "progress"
    PREVIEW = "preview"
    LOG = "log"


KIND_OF_UPDATE: dict[type[ProgressUpdate], ProgressKind] = {
    Progress: ProgressKind.PROGRESS,
    PreviewImage: ProgressKind.PREVIEW,
    LogLine: ProgressKind.LOG,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedCommit:
    """A commit as a response. `previous_position` is that of the job's previous commit."""

    position: int
    previous_position: int
    job_id: str
    terminal: bool
    encoded: bytes


def encode_commit_message(
    recorded: RecordedCommit, unsealed: UnsealedFields, progress: Progress | None
) -> EncodedCommit:
    """Encode a commit with its unsealed job, and with the latest progress if it belongs to the current attempt."""
    commit = recorded.commit
    if progress is not None and progress.attempt != commit.state.attempt:
        progress = None
    job = public_job(commit.state, recorded.position, unsealed, progress)
    return EncodedCommit(
        position=recorded.position,
        previous_position=commit.previous_position,
        job_id=commit.job_id,
        terminal=commit.state.status.terminal,
        encoded=encode_job_message(recorded.position, job, commit.events),
    )


def encode_job_message(position: int, job: job_pb2.Job, events: tuple[Event, ...] = ()) -> bytes:
    """Encode a job as it is at `position`, after these events."""
    names = [stored_name(type(event)) for event in events]
    return pb.WatchJobsResponse(position=position, job=job, events=names).SerializeToString()


def encode_first_message(position: int, job: job_pb2.Job, preview: PreviewImage | None) -> bytes:
    """Encode a job for a client that begins to watch it, with the newest preview of its running attempt."""
    message = pb.WatchJobResponse(position=position, job=job)
    if preview is not None:
        message.last_preview.CopyFrom(preview_to_proto(preview))
    return message.SerializeToString()


def encode_heartbeat(position: int) -> bytes:
    """Encode a message without an update for a stream that was sent every commit up to `position`."""
    return pb.WatchJobsResponse(position=position).SerializeToString()


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedProgress:
    """A progress update as a response. `position` is that of the latest commit delivered before it."""

    position: int
    kind: ProgressKind
    job_id: str
    encoded: bytes

    def encoded_after(self, position: int) -> bytes:
        """Return the message for a watcher that was sent the commit at `position`: positions never decrease.

        If a field occurs twice in an encoded message the last occurrence counts, so the position is appended.
        """
        if position <= self.position:
            return self.encoded
        return self.encoded + pb.WatchJobsResponse(position=position).SerializeToString()


def encode_progress_message(position: int, kind: ProgressKind, update: ProgressUpdate) -> EncodedProgress:
    """Encode a progress update for watchers that have received all commits up to `position`."""
    wire = pb.WatchJobsResponse(position=position)
    match update:
        case Progress():
            wire.progress.CopyFrom(progress_to_proto(update))
        case LogLine():
            wire.log.CopyFrom(log_line_to_proto(update))
        case PreviewImage():
            wire.preview.CopyFrom(preview_to_proto(update))
    return EncodedProgress(
        position=position, kind=kind, job_id=update.job_id, encoded=wire.SerializeToString()
    )
