"""The schedules of the recording api."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kinolog.v1 import job_service_pb2
from kinolog.v1 import schedule_service_pb2 as pb
from tests.unit.gateway import canned

SCHEDULE_ID = "sch_" + "a" * 16


def schedule(job: job_service_pb2.SubmitJobRequest | None = None, **fields: Any) -> pb.Schedule:
    """Return a schedule of a tenant."""
    known: dict[str, Any] = {"cron": "0 22 * * *", "zone": "UTC", "next_run_at": canned.at(9)}
    return pb.Schedule(
        schedule_id=SCHEDULE_ID,
        tenant="default",
        job=job or job_service_pb2.SubmitJobRequest(prompt="a red circle"),
        created_at=canned.at(1),
        created_by="ada",
        **known | fields,
    )


def _created(request: pb.CreateScheduleRequest) -> pb.Schedule:
    return schedule(
        request.job, cron=request.cron, zone=request.zone, name=request.name, catch_up=request.catch_up
    )


SCHEDULES: dict[str, Callable[..., Any]] = {
    "CreateSchedule": lambda api, request: pb.CreateScheduleResponse(schedule=_created(request)),
    "ListSchedules": lambda api, request: pb.ListSchedulesResponse(schedules=[schedule()]),
    "PauseSchedule": lambda api, request: pb.PauseScheduleResponse(
        schedule=schedule(paused_at=canned.at(5), next_run_at=None)
    ),
    "ResumeSchedule": lambda api, request: pb.ResumeScheduleResponse(schedule=schedule()),
    "DeleteSchedule": lambda api, request: pb.DeleteScheduleResponse(),
}
