"""Alarms: the troubles of the service that stand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import Field

from kinolog.v1 import job_pb2 as pb
from kinolog_gateway.enum_names import AlarmSeverityName, alarm_severity_name, time_field
from kinolog_gateway.responses.job_parts import ResponseModel


class AlarmView(ResponseModel):
    """A trouble of the service that stands."""

    name: str = Field(examples=["storage-full"])
    severity: AlarmSeverityName = Field(
        description="`refuse_writes` means that no new job is accepted until it is over."
    )
    text: str = Field(description="What is wrong and what to do.")
    source: str = Field(description="The process that found it.")
    since: datetime | None
    details: str = Field("", description="Jobs and positions, for a key that is valid for every tenant.")
    instance: str = Field(
        "", description="Which process of that name, for a key that is valid for every tenant."
    )


class AlarmsView(ResponseModel):
    """The alarms, those that refuse writes first."""

    alarms: list[AlarmView]


def alarms_view(alarms: Iterable[pb.Alarm]) -> AlarmsView:
    """Return the alarms."""
    return AlarmsView(
        alarms=[
            AlarmView(
                name=alarm.name,
                severity=alarm_severity_name(alarm.severity),
                text=alarm.text,
                source=alarm.source,
                since=time_field(alarm, "since"),
                details=alarm.details,
                instance=alarm.instance,
            )
            for alarm in alarms
        ]
    )
