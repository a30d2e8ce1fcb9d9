"""The files that commits name, by their SHA-256."""

from __future__ import annotations

from dataclasses import dataclass, field

from kinolog.v1 import event_pb2 as ev
from kinolog.v1 import job_pb2 as pb

ANY_SIZE = -1
"""The size of a certificate, which no commit names."""


@dataclass(slots=True)
class NamedFiles:
    """The files that the commits name, by SHA-256, with their sizes; certificates have `ANY_SIZE`."""

    sizes: dict[str, int] = field(default_factory=dict)

    def add(self, event: ev.Event) -> None:
        """Add the files of an event."""
        for artifact in artifacts_in(event):
            self.sizes[artifact.sha256] = artifact.size_bytes
            if artifact.signed_by:
                self.sizes[artifact.signed_by] = ANY_SIZE


def artifacts_in(event: ev.Event) -> list[pb.Artifact]:
    """Return the files that an event names, with what the job started from."""
    match event.WhichOneof("kind"):
        case "submitted":
            return [each.file for each in event.submitted.spec.inputs]
        case "scene_rendered":
            rendered = event.scene_rendered
            return [rendered.artifact, *([rendered.thumbnail] if rendered.HasField("thumbnail") else [])]
        case "completed":
            return list(event.completed.artifacts)
        case _:
            return []
