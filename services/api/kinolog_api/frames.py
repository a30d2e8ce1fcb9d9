"""What watchers are sent, encoded once for all of them.

WatchJobResponse and WatchJobsResponse have the same fields, so the same bytes serve both streams.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from kinolog.codec.public import Opened, public_job
from kinolog.codec.weather import put_log, put_preview, put_progress
from kinolog.job.commit import Recorded
from kinolog.job.events import Event
from kinolog.ports.progress import LogLine, PreviewImage, Progress, Weather
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb


class Kind(Enum):
    """Kinds of weather, each conflated in its own way."""

    PROGRESS = "progress"
    PREVIEW = "preview"
    LOG = "log"


KINDS: dict[type[Weather], Kind] = {
    Progress: Kind.PROGRESS,
    PreviewImage: Kind.PREVIEW,
    LogLine: Kind.LOG,
}


@dataclass(frozen=True, slots=True)
class CommitFrame:
    """A commit as watchers are sent it. `previous_position` is that of the job's commit before it."""

    position: int
    previous_position: int
    job_id: str
    terminal: bool
    wire: bytes


def commit_frame(recorded: Recorded, opened: Opened, progress: Progress | None) -> CommitFrame:
    """A commit for watchers, its job opened, with the newest weather of its attempt."""
    commit = recorded.commit
    job = public_job(commit.state, recorded.position, opened, progress)
    return CommitFrame(
        recorded.position,
        commit.previous_position,
        commit.job_id,
        commit.state.status.terminal,
        job_wire(recorded.position, job, commit.events),
    )


def job_wire(position: int, job: job_pb2.Job, events: tuple[Event, ...] = ()) -> bytes:
    """A job as it stands at `position`, after these events."""
    names = [event_name(type(event)) for event in events]
    return pb.WatchJobsResponse(position=position, job=job, events=names).SerializeToString()


def weather_wire(position: int, weather: Weather) -> bytes:
    """Weather as it reaches watchers that have seen everything up to `position`."""
    wire = pb.WatchJobsResponse(position=position)
    match weather:
        case Progress():
            wire.progress.CopyFrom(put_progress(weather))
        case LogLine():
            wire.log.CopyFrom(put_log(weather))
        case PreviewImage():
            wire.preview.CopyFrom(put_preview(weather))
    return wire.SerializeToString()


_names: dict[type[Event], str] = {}


def event_name(kind: type[Event]) -> str:
    """Name of an event as the log has it: `AttemptStarted` is `attempt_started`."""
    name = _names.get(kind)
    if name is None:
        name = _names[kind] = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    return name
