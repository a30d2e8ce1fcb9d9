"""Enums of the domain and of the proto files, in both directions."""

from __future__ import annotations

from typing import Never, TypeVar

from kinolog.job.values import ArtifactKind, Priority, Stage, Status
from kinolog.ports.progress import LogLevel
from kinolog.v1 import job_pb2 as pb

V = TypeVar("V")


class UnknownEvent(ValueError):
    """The log holds an event, or a value in one, that this version does not know. Upgrade before reading this log."""


class KnownValues(dict[int, V]):
    """Values by their number in the proto files. Looking up a number of a later version raises `UnknownEvent`."""

    def __missing__(self, number: int) -> Never:
        known = ", ".join(sorted({type(value).__name__ for value in self.values()}))
        raise UnknownEvent(f"this version does not know {known} number {number}; upgrade it to read this log")


STATUS_TO_PROTO: dict[Status, pb.Status.ValueType] = {s: pb.Status.Value(f"STATUS_{s.name}") for s in Status}
PRIORITY_TO_PROTO: dict[Priority, pb.Priority.ValueType] = {
    p: pb.Priority.Value(f"PRIORITY_{p.name}") for p in Priority
}
STAGE_TO_PROTO: dict[Stage, pb.Stage.ValueType] = {s: pb.Stage.Value(f"STAGE_{s.name}") for s in Stage}
KIND_TO_PROTO: dict[ArtifactKind, pb.ArtifactKind.ValueType] = {
    k: pb.ArtifactKind.Value(f"ARTIFACT_KIND_{k.name}") for k in ArtifactKind
}
ROLE_TO_PROTO: dict[str, pb.InputRole.ValueType] = {
    name.removeprefix("INPUT_ROLE_").lower(): number for name, number in pb.InputRole.items() if number
}
LEVEL_TO_PROTO: dict[LogLevel, pb.LogLevel.ValueType] = {
    x: pb.LogLevel.Value(f"LOG_LEVEL_{x.name}") for x in LogLevel
}

STATUS_FROM_PROTO: dict[int, Status] = KnownValues({wire: s for s, wire in STATUS_TO_PROTO.items()})
PRIORITY_FROM_PROTO: dict[int, Priority] = KnownValues({wire: p for p, wire in PRIORITY_TO_PROTO.items()})
STAGE_FROM_PROTO: dict[int, Stage] = KnownValues({wire: s for s, wire in STAGE_TO_PROTO.items()})
KIND_FROM_PROTO: dict[int, ArtifactKind] = KnownValues({wire: k for k, wire in KIND_TO_PROTO.items()})
ROLE_FROM_PROTO: dict[int, str] = KnownValues({wire: role for role, wire in ROLE_TO_PROTO.items()})
LEVEL_FROM_PROTO: dict[int, LogLevel] = KnownValues({wire: x for x, wire in LEVEL_TO_PROTO.items()})
