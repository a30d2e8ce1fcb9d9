"""What watchers are sent, encoded once for all of them.

WatchJobResponse and WatchJobsResponse have the same fields, so the same bytes serve both streams.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from kinolog.codec.progress import put_log, put_preview, put_progress
from kinolog.codec.public_job import Opened, public_job
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
    """A commit for watchers, its job opened, with the newest weather when it is of its attempt."""
    commit = recorded.commit
    if progress is not None and progress.attempt != commit.state.attempt:
        progress = None
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


@dataclass(frozen=True, slots=True)
class WeatherFrame:
    """Weather as watchers are sent it; `position` is how far the hub had come."""

    position: int
    kind: Kind
    job_id: str
    wire: bytes

    def wire_after(self, position: int) -> bytes:
        """The message for a watcher that was sent the commit at `position`: it never points further back.

        Of a field that stands in a message twice the last one counts, so the position is simply put behind.
        """
        if position <= self.position:
            return self.wire
        return self.wire + pb.WatchJobsResponse(position=position).SerializeToString()


def weather_frame(position: int, kind: Kind, weather: Weather) -> WeatherFrame:
    """Weather as it reaches watchers that have seen everything up to `position`."""
    wire = pb.WatchJobsResponse(position=position)
    match weather:
        case Progress():
            wire.progress.CopyFrom(put_progress(weather))
        case LogLine():
            wire.log.CopyFrom(put_log(weather))
        case PreviewImage():
            wire.preview.CopyFrom(put_preview(weather))
    return WeatherFrame(position, kind, weather.job_id, wire.SerializeToString())


_names: dict[type[Event], str] = {}


def event_name(kind: type[Event]) -> str:
    """Name of an event as the log has it: `AttemptStarted` is `attempt_started`."""
    name = _names.get(kind)
    if name is None:
        name = _names[kind] = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    return name
