"""What the WebSocket says, typed."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import ValidationError

from kinolog_client.jobs import Counts, Job, LogLine, Stage, View


class Moved(View):
    """How a job stands; `job` is the whole of it after a commit, None for mere progress."""

    status: str
    percent: float
    stage: str | None = None
    scene: int | None = None
    scenes: int = 0
    step: int | None = None
    steps: int | None = None
    attempt: int = 0
    worker: str | None = None
    queue_position: int | None = None
    eta_seconds: float | None = None
    stages: tuple[Stage, ...] = ()
    events: tuple[str, ...] = ()
    job: Job | None = None


@dataclass(frozen=True, slots=True)
class JobMoved:
    """A job moved on."""

    position: int
    job_id: str
    moved: Moved


@dataclass(frozen=True, slots=True)
class Ended:
    """A job ended."""

    position: int
    job_id: str
    moved: Moved


@dataclass(frozen=True, slots=True)
class LogWritten:
    """A worker wrote a line."""

    position: int
    job_id: str
    line: LogLine


@dataclass(frozen=True, slots=True)
class PictureSeen:
    """A running job looks like this so far; `image` is a file of `media_type`."""

    position: int
    job_id: str
    scene: int
    step: int
    media_type: str
    image: bytes


@dataclass(frozen=True, slots=True)
class QueueCounted:
    """The numbers of jobs changed."""

    position: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class LiveError:
    """Something did not work; the connection stays."""

    position: int
    reason: str
    words: str
    channel: str | None


Heard: TypeAlias = JobMoved | Ended | LogWritten | PictureSeen | QueueCounted | LiveError


def heard(message: dict[str, Any]) -> Heard | None:
    """A message in its type; None for one that this dashboard does not know or cannot read."""
    try:
        return _heard(message)
    except (ValidationError, KeyError, TypeError, ValueError):
        return None


def _heard(message: dict[str, Any]) -> Heard | None:
    position, data = int(message["position"]), message["data"]
    match message["type"]:
        case "job_status_update":
            return JobMoved(position, message["job_id"], Moved.model_validate(data))
        case "job_completed" | "job_failed" | "job_cancelled":
            return Ended(position, message["job_id"], Moved.model_validate(data))
        case "job_log_entry":
            return LogWritten(position, message["job_id"], LogLine.model_validate(data))
        case "job_preview":
            image = b64decode(data["image"])
            return PictureSeen(
                position, message["job_id"], data["scene"], data["step"], data["media_type"], image
            )
        case "queue_updated":
            return QueueCounted(position, Counts.model_validate(data))
        case "error":
            return LiveError(position, data["reason"], data["message"], data.get("channel"))
        case _:
            return None
