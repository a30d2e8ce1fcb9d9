"""What watchers are sent, encoded once for all of them.

WatchJobResponse and WatchJobsResponse have the same fields, so the same bytes serve both streams.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from kinolog.codec.progress import log_line_to_proto, preview_to_proto, progress_to_proto
from kinolog.codec.public_job import UnsealedFields, public_job
from kinolog.job.commit import Recorded
from kinolog.job.events import Event
from kinolog.job.names import stored_name
from kinolog.ports.progress import LogLine, PreviewImage, Progress, ProgressUpdate
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb


class ProgressKind(Enum):
    """Kinds of weather, each conflated in its own way."""

    PROGRESS = "progress"
    PREVIEW = "preview"
    LOG = "log"


KINDS: dict[type[ProgressUpdate], ProgressKind] = {
    Progress: ProgressKind.PROGRESS,
    PreviewImage: ProgressKind.PREVIEW,
    LogLine: ProgressKind.LOG,
}


@dataclass(frozen=True, slots=True)
class EncodedCommit:
    """A commit as watchers are sent it. `previous_position` is that of the job's commit before it."""

    position: int
    previous_position: int
    job_id: str
    terminal: bool
    wire: bytes


def encode_commit_message(
    recorded: Recorded, opened: UnsealedFields, progress: Progress | None
) -> EncodedCommit:
    """A commit for watchers, its job opened, with the newest weather when it is of its attempt."""
    commit = recorded.commit
    if progress is not None and progress.attempt != commit.state.attempt:
        progress = None
    job = public_job(commit.state, recorded.position, opened, progress)
    return EncodedCommit(
        recorded.position,
        commit.previous_position,
        commit.job_id,
        commit.state.status.terminal,
        encode_job_message(recorded.position, job, commit.events),
    )


def encode_job_message(position: int, job: job_pb2.Job, events: tuple[Event, ...] = ()) -> bytes:
    """A job as it stands at `position`, after these events."""
    names = [stored_name(type(event)) for event in events]
    return pb.WatchJobsResponse(position=position, job=job, events=names).SerializeToString()


@dataclass(frozen=True, slots=True)
class EncodedProgress:
    """Weather as watchers are sent it; `position` is how far the hub had come."""

    position: int
    kind: ProgressKind
    job_id: str
    wire: bytes

    def wire_after(self, position: int) -> bytes:
        """The message for a watcher that was sent the commit at `position`: it never points further back.

        Of a field that stands in a message twice the last one counts, so the position is simply put behind.
        """
        if position <= self.position:
            return self.wire
        return self.wire + pb.WatchJobsResponse(position=position).SerializeToString()


def encode_progress_message(position: int, kind: ProgressKind, weather: ProgressUpdate) -> EncodedProgress:
    """Weather as it reaches watchers that have seen everything up to `position`."""
    wire = pb.WatchJobsResponse(position=position)
    match weather:
        case Progress():
            wire.progress.CopyFrom(progress_to_proto(weather))
        case LogLine():
            wire.log.CopyFrom(log_line_to_proto(weather))
        case PreviewImage():
            wire.preview.CopyFrom(preview_to_proto(weather))
    return EncodedProgress(position, kind, weather.job_id, wire.SerializeToString())
