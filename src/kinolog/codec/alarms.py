"""Encode and decode alarms."""

from __future__ import annotations

from kinolog.codec.times import time_from_proto, time_to_proto
from kinolog.ports.alarms import Alarm, AlarmSeverity
from kinolog.v1 import job_pb2 as pb

SEVERITY_TO_PROTO: dict[AlarmSeverity, pb.AlarmSeverity.ValueType] = {
    s: pb.AlarmSeverity.Value(f"ALARM_SEVERITY_{s.name}") for s in AlarmSeverity
}
SEVERITY_FROM_PROTO: dict[int, AlarmSeverity] = {wire: s for s, wire in SEVERITY_TO_PROTO.items()}


def alarm_to_proto(alarm: Alarm) -> pb.Alarm:
    """Return the alarm as an `Alarm` message."""
    wire = pb.Alarm(
        name=alarm.name,
        severity=SEVERITY_TO_PROTO[alarm.severity],
        text=alarm.text,
        source=alarm.source,
        details=alarm.details,
        instance=alarm.instance,
    )
    time_to_proto(wire.since, alarm.since)
    return wire


def decode_alarm(raw: bytes) -> Alarm:
    """Return the alarm in a message; one of a later version's severity is a warning.

    Raises google.protobuf.message.DecodeError.
    """
    wire = pb.Alarm.FromString(raw)
    return Alarm(
        name=wire.name,
        severity=SEVERITY_FROM_PROTO.get(wire.severity, AlarmSeverity.WARNING),
        text=wire.text,
        source=wire.source,
        since=time_from_proto(wire.since),
        details=wire.details,
        instance=wire.instance,
    )
