"""The queue and the fleet as they were."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.enum_names import PriorityName, priority_name, time_field
from kinolog_gateway.responses.job_parts import ResponseModel


class JobPlaceView(ResponseModel):
    """A job in the queue, or on a worker."""

    job_id: str
    model: str = Field(description="Model of the job.")
    priority: PriorityName
    jobs_before: int | None = Field(
        description="How many jobs of the tenant and of its class of models started before it, if lanes took turns by "
        "weight alone; null for a job that did not wait for a worker."
    )
    queued_at: datetime | None = Field(
        description="Since when it waited in its lane, or until when it waited for a time."
    )
    paused: bool
    attempt: int = Field(description="The current or last attempt; 0 for none.")
    worker: str = Field(description="The worker that ran it; empty for a queued job.")
    since: datetime | None = Field(description="When the commit was decided that brought it there.")
    since_position: int = Field(description="Position of that commit.")


class QueueAtView(ResponseModel):
    """The jobs that were queued and those that ran at a position."""

    position: int
    at: datetime | None = Field(
        description="When the tenant's last commit up to it was decided; null if there is none."
    )
    queued: list[JobPlaceView] = Field(
        description="Those with a place in the order of the queue, then those that waited for a time, then paused ones."
    )
    queued_total: int
    running: list[JobPlaceView] = Field(description="In the order of their workers.")
    running_total: int


def queue_at_view(answer: audit.GetQueueAtResponse) -> QueueAtView:
    """Return the queue and the fleet at a position."""
    return QueueAtView(
        position=answer.position,
        at=time_field(answer, "at"),
        queued=[_place(place) for place in answer.queued],
        queued_total=answer.queued_total,
        running=[_place(place) for place in answer.running],
        running_total=answer.running_total,
    )


def _place(place: audit.JobPlace) -> JobPlaceView:
    return JobPlaceView(
        job_id=place.job_id,
        model=place.model,
        priority=priority_name(place.priority),
        jobs_before=place.jobs_before if place.HasField("jobs_before") else None,
        queued_at=time_field(place, "queued_at"),
        paused=place.paused,
        attempt=place.attempt,
        worker=place.worker,
        since=time_field(place, "since"),
        since_position=place.since_position,
    )
