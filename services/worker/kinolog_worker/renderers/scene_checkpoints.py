"""Port: checkpoints of a scene, from which a later attempt goes on within the denoising."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

WriteCheckpoint: TypeAlias = Callable[[Path], None]
"""Writes a checkpoint to a new file. It needs no device, and may be called in any thread."""


class SceneCheckpoints(Protocol):
    """The checkpoints of the scene that is rendered next. The renderer calls it between two steps."""

    def earlier(self) -> Path | None:
        """Return the file of the checkpoint to go on from; None for a scene that is rendered from its first step."""
        ...

    def is_due(self, step: int) -> bool:
        """Return whether a checkpoint should be made now that so many steps are done."""
        ...

    def is_last_wanted(self) -> bool:
        """Return whether a checkpoint of the last step should be made, since the scene ends before it is done."""
        ...

    def put(self, step: int, write: WriteCheckpoint) -> None:
        """Take a checkpoint of a step. Returns at once."""
        ...

    def resumed(self, step: int) -> None:
        """Take the step that the scene goes on from."""
        ...

    def refused(self, reason: str) -> None:
        """Take why `earlier` is of no use. It has no words of the prompt."""
        ...

    def omitted(self, reason: str) -> None:
        """Take why no checkpoint of the scene is made. It has no words of the prompt."""
        ...


@runtime_checkable
class CheckpointMaker(Protocol):
    """A renderer that can go on with a scene within its denoising."""

    def use_checkpoints(self, checkpoints: SceneCheckpoints | None) -> None:
        """Take the checkpoints of the scenes that are rendered from now on; None for scenes without."""
        ...
