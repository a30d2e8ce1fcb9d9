"""What the supervisor and the inference process tell each other about checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierCheckpoint:
    """The checkpoint that an earlier attempt made of a scene, as a file."""

    scene: int
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointPlan:
    """How often checkpoints are made, in seconds of a scene, 0 for never; and the one to go on from."""

    interval_seconds: float = 0.0
    earlier: EarlierCheckpoint | None = None


NO_CHECKPOINTS = CheckpointPlan()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointMessage:
    """A checkpoint of a scene is written. The supervisor deletes the file."""

    job_id: str
    scene: int
    step: int
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumedMessage:
    """A scene goes on from a step of its checkpoint.

    With a `refusal` it does not, or no checkpoint of it is made. It says why, with no words of the prompt.
    """

    job_id: str
    scene: int
    step: int = 0
    refusal: str = ""
