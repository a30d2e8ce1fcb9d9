"""Schedules in REST responses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf import json_format
from pydantic import Field

from kinolog.v1 import job_service_pb2
from kinolog.v1 import schedule_service_pb2 as pb
from kinolog_gateway.enum_names import priority_name, time_field, to_datetime
from kinolog_gateway.responses.job_parts import ResponseModel


class ScheduleView(ResponseModel):
    """A schedule."""

    schedule_id: str = Field(examples=["sch_abcdefghij234567"])
    tenant: str = Field(description="The tenant of its jobs.")
    name: str = Field(description="A name for people; may be empty.")
    cron: str = Field(description="When it runs: the five fields of cron.", examples=["0 22 * * MON-FRI"])
    zone: str = Field(description="The time zone of these fields.", examples=["Europe/Berlin"])
    catch_up: bool = Field(description="Whether the last of the runs that were missed is made up for.")
    job: dict[str, Any] = Field(description="The job that it submits, as POST /api/v1/generate takes it.")
    created_at: datetime
    created_by: str = Field(description="The actor who created it, and whose jobs its jobs are.")
    paused_at: datetime | None = Field(description="When it was paused; null while it runs.")
    next_run_at: datetime | None = Field(description="When it runs next; null while it is paused.")
    last_run_at: datetime | None = Field(description="When it ran last; null if it did not.")
    last_job_id: str | None = Field(description="The job of that run.")
    problem: str = Field(description="Why the last run made no job; empty if it made one.")

    @classmethod
    def of(cls, schedule: pb.Schedule) -> ScheduleView:
        """Return the view of a schedule."""
        return cls(
            schedule_id=schedule.schedule_id,
            tenant=schedule.tenant,
            name=schedule.name,
            cron=schedule.cron,
            zone=schedule.zone,
            catch_up=schedule.catch_up,
            job=_body(schedule.job),
            created_at=to_datetime(schedule.created_at),
            created_by=schedule.created_by,
            paused_at=time_field(schedule, "paused_at"),
            next_run_at=time_field(schedule, "next_run_at"),
            last_run_at=time_field(schedule, "last_run_at"),
            last_job_id=schedule.last_job_id or None,
            problem=schedule.problem,
        )


class ScheduleListView(ResponseModel):
    """The schedules of a tenant, oldest first."""

    schedules: list[ScheduleView]


class DeletedScheduleView(ResponseModel):
    """A schedule that is deleted."""

    schedule_id: str


def _body(job: job_service_pb2.SubmitJobRequest) -> dict[str, Any]:
    """Return a submit as the body of POST /api/v1/generate."""
    found: dict[str, Any] = json_format.MessageToDict(job, preserving_proto_field_name=True)
    if job.HasField("seed"):
        found["seed"] = job.seed  # JSON of protobuf has it as a text
    if job.HasField("duration_seconds"):
        found["duration"] = found.pop("duration_seconds")
    if job.HasField("width") and job.HasField("height"):
        found["size"] = f"{found.pop('width')}x{found.pop('height')}"
    if job.priority:
        found["priority"] = priority_name(job.priority)
    if job.shots:
        found["shots"] = _name(job_service_pb2.Shots.Name(job.shots), "SHOTS_")
    if job.scenes:
        found["scenes"] = [_scene(scene) for scene in job.scenes]
    return found


def _scene(scene: job_service_pb2.SceneRequest) -> dict[str, Any]:
    found: dict[str, Any] = {"prompt": scene.prompt}
    if scene.HasField("duration_seconds"):
        found["duration"] = scene.duration_seconds
    if scene.transition:
        found["transition"] = _name(job_service_pb2.Transition.Name(scene.transition), "TRANSITION_")
    if scene.HasField("seed"):
        found["seed"] = scene.seed
    return found


def _name(enum_name: str, prefix: str) -> str:
    return enum_name.removeprefix(prefix).lower()
