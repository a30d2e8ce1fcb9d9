"""The messages that the gateway sends as live updates: one envelope for every type, the content in `data`."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from pydantic import Field

from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog_gateway.enum_names import StageName, StatusName, optional_field, stage_name, time_field
from kinolog_gateway.responses.commands import JobSummary
from kinolog_gateway.responses.history import LogEntryView, log_entry_view
from kinolog_gateway.responses.job import JobDetail, job_detail
from kinolog_gateway.responses.job_parts import ResponseModel, StageView

PER_SCENE = frozenset({"encode_prompt", "denoise", "decode"})
"""Stages that run once per scene."""

CommitPositionField = Field(ge=0, description="Position of the job's commit.")
UpdatePositionField = Field(
    ge=0,
    description="Position of the job's commit. For progress: every commit up to it was sent before.",
)
ResumePositionField = Field(
    ge=0, description="Every commit of the subscribed channels up to this position was sent before."
)
ReplyPositionField = Field(
    ge=0, description="Position of the message sent before this one on the connection; 0 if there is none."
)
JobIdField = Field(description="The job.", examples=["abcdefghijklmnopqrstuvwxyz"])


class JobData(ResponseModel):
    """The state of a job."""

    status: StatusName
    percent: float = Field(description="Progress of the whole job, 0 to 100.")
    stage: StageName | None
    scene: int | None
    scenes: int
    step: int | None = Field(description="The last finished denoising step; null after a commit.")
    steps: int | None
    attempt: int
    worker: str | None
    queue_position: int | None
    eta_seconds: float | None
    at: datetime | None = Field(description="Time of this state.")
    stages: list[StageView] = Field(description="Per-stage progress of the current or last attempt.")
    events: list[str] = Field(description="Names of the events of the commit; empty for progress.")
    job: JobDetail | None = Field(description="The job as GET /api/v1/status returns it; null for progress.")


class PreviewData(ResponseModel):
    """A small image of a running job's current frames."""

    attempt: int
    scene: int
    step: int
    media_type: str = Field(examples=["image/jpeg"])
    image: str = Field(description="The image in base64.")
    at: datetime | None


class ErrorData(ResponseModel):
    """What failed, and what to do."""

    reason: str = Field(description="A code for programs.", examples=["MALFORMED_MESSAGE", "JOB_NOT_FOUND"])
    message: str = Field(description="A sentence for people: what is wrong and what to do.")
    channel: str | None = Field(
        description="The channel that the client is not subscribed to because of this error."
    )


class PongData(ResponseModel):
    """The ping that is answered."""

    id: str | None = Field(description="The id of the ping.")


class JobStatusUpdate(ResponseModel):
    """A job changed or progressed. Progress is conflated per job to ten messages a second."""

    type: Literal["job_status_update"] = "job_status_update"
    position: int = UpdatePositionField
    job_id: str = JobIdField
    data: JobData


class JobCompleted(ResponseModel):
    """A job is completed."""

    type: Literal["job_completed"] = "job_completed"
    position: int = CommitPositionField
    job_id: str = JobIdField
    data: JobData


class JobFailed(ResponseModel):
    """A job failed for good. `data.job.error` holds the cause."""

    type: Literal["job_failed"] = "job_failed"
    position: int = CommitPositionField
    job_id: str = JobIdField
    data: JobData


class JobCancelled(ResponseModel):
    """A job was cancelled."""

    type: Literal["job_cancelled"] = "job_cancelled"
    position: int = CommitPositionField
    job_id: str = JobIdField
    data: JobData


class JobLogEntry(ResponseModel):
    """A worker logged a line about a job."""

    type: Literal["job_log_entry"] = "job_log_entry"
    position: int = ResumePositionField
    job_id: str = JobIdField
    data: LogEntryView


class JobPreview(ResponseModel):
    """A preview image of a running job."""

    type: Literal["job_preview"] = "job_preview"
    position: int = ResumePositionField
    job_id: str = JobIdField
    data: PreviewData


class QueueUpdated(ResponseModel):
    """The job counts by status changed. At most two messages a second."""

    type: Literal["queue_updated"] = "queue_updated"
    position: int = ResumePositionField
    data: JobSummary


class ErrorMessage(ResponseModel):
    """A request of the client, or the api, failed. The connection stays open."""

    type: Literal["error"] = "error"
    position: int = ReplyPositionField
    data: ErrorData


class Pong(ResponseModel):
    """The reply to a ping."""

    type: Literal["pong"] = "pong"
    position: int = ReplyPositionField
    data: PongData


ServerMessage: TypeAlias = (
    JobStatusUpdate
    | JobCompleted
    | JobFailed
    | JobCancelled
    | JobLogEntry
    | JobPreview
    | QueueUpdated
    | ErrorMessage
    | Pong
)
SERVER_MESSAGES: tuple[type[ResponseModel], ...] = get_args(ServerMessage)

_ENDED: dict[int, type[JobCompleted] | type[JobFailed] | type[JobCancelled]] = {
    pb.STATUS_COMPLETED: JobCompleted,
    pb.STATUS_FAILED: JobFailed,
    pb.STATUS_CANCELLED: JobCancelled,
}


def commit_message(position: int, job: pb.Job, events: list[str]) -> ServerMessage:
    """Return the message of a job after a commit. Its type depends on whether and how the job ended."""
    detail = job_detail(job)
    data = JobData(
        status=detail.status,
        percent=detail.percent,
        stage=detail.stage,
        scene=detail.scene,
        scenes=detail.scenes,
        step=None,
        steps=None,
        attempt=detail.attempt,
        worker=detail.worker,
        queue_position=detail.queue_position,
        eta_seconds=detail.eta_seconds,
        at=detail.updated_at,
        stages=detail.stages,
        events=events,
        job=detail,
    )
    return _ENDED.get(job.status, JobStatusUpdate)(position=position, job_id=job.id, data=data)


def progress_message(position: int, progress: pb.Progress, job: pb.Job | None) -> JobStatusUpdate:
    """Return the message of a job's progress, with the stages of its last commit if `job` is given."""
    data = JobData(
        status="processing",
        percent=progress.percent,
        stage=stage_name(progress.stage),
        scene=progress.scene,
        scenes=progress.scenes,
        step=progress.step,
        steps=progress.steps,
        attempt=progress.attempt,
        worker=progress.worker or None,
        queue_position=None,
        eta_seconds=optional_field(progress, "eta_seconds"),
        at=time_field(progress, "at"),
        stages=_stages(progress, job),
        events=[],
        job=None,
    )
    return JobStatusUpdate(position=position, job_id=progress.job_id, data=data)


def _stages(progress: pb.Progress, job: pb.Job | None) -> list[StageView]:
    known = job is not None and job.attempt == progress.attempt
    stages = [StageView.of(stage) for stage in job.stages] if known and job is not None else []
    percent = 100.0 * progress.step / progress.steps if progress.steps else 0.0
    for index, stage in enumerate(stages):
        if stage.stage == stage_name(progress.stage) and stage.scene in (None, progress.scene):
            if stage.seconds is None:
                stages[index] = stage.model_copy(update={"percent": percent})
            return stages
    # Progress of a stage that no commit contains yet: the stage has begun, so the earlier ones are done.
    done = [stage.model_copy(update={"percent": 100.0}) for stage in stages]
    return [*done, _uncommitted_stage(progress, percent)]


def _uncommitted_stage(progress: pb.Progress, percent: float) -> StageView:
    """Return the running stage when its progress arrives before the commit that starts it."""
    stage = stage_name(progress.stage)
    scene = progress.scene if stage in PER_SCENE else None
    return StageView(stage=stage, scene=scene, percent=percent, started_at=None, seconds=None)


def log_message(position: int, entry: pb.LogEntry) -> JobLogEntry:
    """Return the message of a log line."""
    return JobLogEntry(position=position, job_id=entry.job_id, data=log_entry_view(entry))


def preview_message(position: int, preview: pb.Preview) -> JobPreview:
    """Return the message of a preview image."""
    data = PreviewData(
        attempt=preview.attempt,
        scene=preview.scene,
        step=preview.step,
        media_type=preview.media_type,
        image=b64encode(preview.image).decode("ascii"),
        at=time_field(preview, "at"),
    )
    return JobPreview(position=position, job_id=preview.job_id, data=data)


def queue_message(position: int, counts: jobs.SummarizeJobsResponse) -> QueueUpdated:
    """Return the message of the job counts."""
    return QueueUpdated(position=position, data=JobSummary.of(counts))


def error_message(position: int, *, reason: str, message: str, channel: str | None) -> ErrorMessage:
    """Return the message of an error. `channel` is the one that is not subscribed to because of it, if any."""
    return ErrorMessage(position=position, data=ErrorData(reason=reason, message=message, channel=channel))


def pong_message(position: int, ping_id: str | None) -> Pong:
    """Return the reply to a ping."""
    return Pong(position=position, data=PongData(id=ping_id))
