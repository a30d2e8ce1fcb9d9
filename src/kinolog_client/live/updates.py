"""Live updates, typed, and how they are read from the messages of the WebSocket."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from pydantic import ConfigDict, TypeAdapter, ValidationError

from kinolog_client.models.base import ClientModel
from kinolog_client.models.history import LogLineInfo
from kinolog_client.models.job_parts import StageInfo
from kinolog_client.models.jobs import TERMINAL, JobCountsInfo, JobInfo

Json: TypeAlias = dict[str, Any]

_TIME: TypeAdapter[datetime | None] = TypeAdapter(datetime | None, config=ConfigDict(defer_build=True))
UNREADABLE = "UNREADABLE_MESSAGE"
"""Reason of the error for a message that this version cannot read."""


class JobState(ClientModel):
    """The state of a job in an update. After a commit `events` has the types of its events and `job` is the whole job;
    for progress `events` is empty and `job` is None. `percent` is 0 to 100.
    """

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
    at: datetime | None = None
    stages: tuple[StageInfo, ...] = ()
    events: tuple[str, ...] = ()
    job: JobInfo | None = None

    @classmethod
    def of(cls, job: JobInfo) -> JobState:
        """Return the state of a job that was read over REST."""
        return cls(
            status=job.status,
            percent=job.percent,
            stage=job.stage,
            scene=job.scene,
            scenes=job.scenes,
            step=None,
            steps=None,
            attempt=job.attempt,
            worker=job.worker,
            queue_position=job.queue_position,
            eta_seconds=job.eta_seconds,
            at=job.updated_at,
            stages=job.stages,
            events=(),
            job=job,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Update:
    """What every update has. `received` is the message that it was read from; None if it was read over REST."""

    position: int
    received: Json | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> Json:
        """Return the message as the WebSocket sends it, with the fields that this version does not know."""
        return self._message() if self.received is None else dict(self.received)

    def _message(self) -> Json:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUpdated(_Update):
    """A job has a commit or progress."""

    job_id: str
    state: JobState

    def _message(self) -> Json:
        return _json_message("job_status_update", self.position, self.state.to_json(), self.job_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded(_Update):
    """A job is completed, failed or cancelled; `state.status` is which."""

    job_id: str
    state: JobState

    def _message(self) -> Json:
        return _json_message(f"job_{self.state.status}", self.position, self.state.to_json(), self.job_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLineReceived(_Update):
    """A worker wrote a line about a job."""

    job_id: str
    line: LogLineInfo

    def _message(self) -> Json:
        return _json_message("job_log_entry", self.position, self.line.to_json(), self.job_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewReceived(_Update):
    """A preview of a running job. `image` is a file of `media_type`; `at` is when it was made, None if unknown."""

    job_id: str
    attempt: int
    scene: int
    step: int
    media_type: str
    image: bytes
    at: datetime | None = None

    def _message(self) -> Json:
        facts = {name: getattr(self, name) for name in ("attempt", "scene", "step", "media_type")}
        facts["image"] = b64encode(self.image).decode("ascii")
        facts["at"] = _TIME.dump_python(self.at, mode="json")
        return _json_message("job_preview", self.position, facts, self.job_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounted(_Update):
    """The numbers of jobs by status changed."""

    counts: JobCountsInfo

    def _message(self) -> Json:
        return _json_message("queue_updated", self.position, self.counts.to_json())


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveError(_Update):
    """An error that does not end the updates. `channel`, if it is not None, is no longer subscribed to."""

    reason: str
    message: str
    channel: str | None

    def _message(self) -> Json:
        facts = {"reason": self.reason, "message": self.message, "channel": self.channel}
        return _json_message("error", self.position, facts)


LiveUpdate: TypeAlias = JobUpdated | JobEnded | LogLineReceived | PreviewReceived | QueueCounted | LiveError


def _json_message(kind: str, position: int, data: Json, job_id: str | None = None) -> Json:
    about = {} if job_id is None else {"job_id": job_id}
    return {"type": kind, "position": position, **about, "data": data}


def update_of_job(job: JobInfo) -> JobUpdated | JobEnded:
    """Return the update for a job that was read over REST."""
    kind = JobEnded if job.status in TERMINAL else JobUpdated
    return kind(position=job.position, job_id=job.job_id, state=JobState.of(job))


def parse_update(message: Json) -> LiveUpdate | None:
    """Return a message as an update; None for an unknown type and for a type that is no update.

    A message of a known type that cannot be read becomes a `LiveError` with the reason UNREADABLE_MESSAGE.
    """
    try:
        return _parse(message)
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        text = f"a message of the type {message.get('type')} has another form: {type(error).__name__}"
        return LiveError(position=0, reason=UNREADABLE, message=text, channel=None)


def _parse(message: Json) -> LiveUpdate | None:
    data, job_id = message["data"], message.get("job_id", "")
    common: Json = {"position": int(message["position"]), "received": message}
    match message["type"]:
        case "job_status_update":
            return JobUpdated(**common, job_id=job_id, state=JobState.model_validate(data))
        case "job_completed" | "job_failed" | "job_cancelled":
            return JobEnded(**common, job_id=job_id, state=JobState.model_validate(data))
        case "job_log_entry":
            return LogLineReceived(**common, job_id=job_id, line=LogLineInfo.model_validate(data))
        case "job_preview":
            return PreviewReceived(
                **common,
                job_id=job_id,
                attempt=data.get("attempt", 0),
                scene=data["scene"],
                step=data["step"],
                media_type=data["media_type"],
                image=b64decode(data["image"]),
                at=_TIME.validate_python(data.get("at")),
            )
        case "queue_updated":
            return QueueCounted(**common, counts=JobCountsInfo.model_validate(data))
        case "error":
            return LiveError(
                **common,
                reason=data["reason"],
                message=data["message"],
                channel=data.get("channel"),
            )
        case _:
            return None
