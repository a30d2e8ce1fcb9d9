"""Routes for schedules: jobs that are submitted again and again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from kinolog.v1 import schedule_service_pb2 as pb
from kinolog_gateway.http import text_patterns
from kinolog_gateway.requests.schedules import NewScheduleRequest
from kinolog_gateway.responses.schedules.schedule import DeletedScheduleView, ScheduleListView, ScheduleView
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, json_response

router = APIRouter(prefix="/api/v1/schedules", tags=["schedules"], responses=PROBLEMS)

ScheduleId = Annotated[str, Path(pattern=text_patterns.SCHEDULE_ID, description="The id of the schedule.")]


@router.post("", status_code=201, response_model=ScheduleView, summary="Create a schedule")
async def create_schedule(body: NewScheduleRequest, api: Api, caller: Caller) -> Response:
    """Create a schedule. Each of its runs is a job of its own."""
    answer = await api.call(api.schedules.CreateSchedule, body.to_proto(), caller)
    return json_response(ScheduleView.of(answer.schedule), status=201)


@router.get("", response_model=ScheduleListView, summary="Schedules")
async def list_schedules(api: Api, caller: Caller) -> Response:
    """List the schedules of the caller's tenant, oldest first."""
    answer = await api.call(api.schedules.ListSchedules, pb.ListSchedulesRequest(), caller)
    return json_response(ScheduleListView(schedules=[ScheduleView.of(each) for each in answer.schedules]))


@router.post("/{schedule_id}/pause", response_model=ScheduleView, summary="Pause a schedule")
async def pause_schedule(schedule_id: ScheduleId, api: Api, caller: Caller) -> Response:
    """Submit no further jobs until the schedule is resumed. Its jobs go on."""
    request = pb.PauseScheduleRequest(schedule_id=schedule_id)
    return json_response(
        ScheduleView.of((await api.call(api.schedules.PauseSchedule, request, caller)).schedule)
    )


@router.post("/{schedule_id}/resume", response_model=ScheduleView, summary="Resume a schedule")
async def resume_schedule(schedule_id: ScheduleId, api: Api, caller: Caller) -> Response:
    """Submit jobs again, from the next time on."""
    request = pb.ResumeScheduleRequest(schedule_id=schedule_id)
    return json_response(
        ScheduleView.of((await api.call(api.schedules.ResumeSchedule, request, caller)).schedule)
    )


@router.delete("/{schedule_id}", response_model=DeletedScheduleView, summary="Delete a schedule")
async def delete_schedule(schedule_id: ScheduleId, api: Api, caller: Caller) -> Response:
    """Delete a schedule and the texts of its job, for good. Its jobs go on."""
    await api.call(api.schedules.DeleteSchedule, pb.DeleteScheduleRequest(schedule_id=schedule_id), caller)
    return json_response(DeletedScheduleView(schedule_id=schedule_id))
