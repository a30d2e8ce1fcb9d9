"""What the WebSocket says, typed."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import ValidationError

from kinolog_client.jobs import ClientModel, JobCountsInfo, JobInfo, LogLineInfo, StageInfo


class JobMovement(ClientModel):
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
    stages: tuple[StageInfo, ...] = ()
    events: tuple[str, ...] = ()
    job: JobInfo | None = None


@dataclass(frozen=True, slots=True)
class JobUpdated:
    """A job moved on."""

    position: int
    job_id: str
    moved: JobMovement


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job ended."""

    position: int
    job_id: str
    moved: JobMovement


@dataclass(frozen=True, slots=True)
class LogLineReceived:
    """A worker wrote a line."""

    position: int
    job_id: str
    line: LogLineInfo


@dataclass(frozen=True, slots=True)
class PreviewReceived:
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
    counts: JobCountsInfo


@dataclass(frozen=True, slots=True)
class LiveError:
    """Something did not work; the connection stays."""

    position: int
    reason: str
    words: str
    channel: str | None


Heard: TypeAlias = JobUpdated | JobEnded | LogLineReceived | PreviewReceived | QueueCounted | LiveError


def parse_live_message(message: dict[str, Any]) -> Heard | None:
    """A message in its type; None for one that this dashboard does not know or cannot read."""
    try:
        return _heard(message)
    except (ValidationError, KeyError, TypeError, ValueError):
        return None


def _heard(message: dict[str, Any]) -> Heard | None:
    position, data = int(message["position"]), message["data"]
    match message["type"]:
        case "job_status_update":
            return JobUpdated(position, message["job_id"], JobMovement.model_validate(data))
        case "job_completed" | "job_failed" | "job_cancelled":
            return JobEnded(position, message["job_id"], JobMovement.model_validate(data))
        case "job_log_entry":
            return LogLineReceived(position, message["job_id"], LogLineInfo.model_validate(data))
        case "job_preview":
            image = b64decode(data["image"])
            return PreviewReceived(
                position, message["job_id"], data["scene"], data["step"], data["media_type"], image
            )
        case "queue_updated":
            return QueueCounted(position, JobCountsInfo.model_validate(data))
        case "error":
            return LiveError(position, data["reason"], data["message"], data.get("channel"))
        case _:
            return None
