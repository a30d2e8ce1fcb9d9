"""Operations about schedules. Pure."""

from __future__ import annotations

from kinolog_client.http.operation import API_PREFIX, Operation, model_of
from kinolog_client.models.jobs import DeletedScheduleInfo, ScheduleInfo, ScheduleListInfo
from kinolog_client.models.selection import VideoRequest

_ROUTE = f"{API_PREFIX}/schedules"
_ONE = f"{_ROUTE}/{{schedule_id}}"


def create_schedule(
    cron: str, job: VideoRequest, *, zone: str = "UTC", name: str | None = None, catch_up: bool = False
) -> Operation[ScheduleInfo]:
    """Create a schedule that submits `job` at the times of a cron expression of five fields in a time zone.

    With `catch_up` the last of the runs that were missed is made up for. Raises `InvalidRequest`.
    """
    body = {"cron": cron, "zone": zone, "catch_up": catch_up, "job": job.body()}
    return Operation(
        method="POST",
        route=_ROUTE,
        body=body | ({"name": name} if name else {}),
        repeatable=False,
        read=model_of(ScheduleInfo),
    )


def schedules() -> Operation[ScheduleListInfo]:
    """Return the schedules of the caller's tenant, oldest first."""
    return Operation(method="GET", route=_ROUTE, read=model_of(ScheduleListInfo))


def pause_schedule(schedule_id: str) -> Operation[ScheduleInfo]:
    """Submit no further jobs of a schedule until it is resumed. Raises `NotFound`."""
    return _changed(schedule_id, "pause")


def resume_schedule(schedule_id: str) -> Operation[ScheduleInfo]:
    """Submit the jobs of a schedule again, from its next time on. Raises `NotFound`."""
    return _changed(schedule_id, "resume")


def delete_schedule(schedule_id: str) -> Operation[DeletedScheduleInfo]:
    """Delete a schedule and the texts of its job, for good. Its jobs go on. Raises `NotFound`."""
    return Operation(
        method="DELETE",
        route=_ONE,
        path_values={"schedule_id": schedule_id},
        read=model_of(DeletedScheduleInfo),
    )


def _changed(schedule_id: str, action: str) -> Operation[ScheduleInfo]:
    return Operation(
        method="POST",
        route=f"{_ONE}/{action}",
        path_values={"schedule_id": schedule_id},
        read=model_of(ScheduleInfo),
    )
