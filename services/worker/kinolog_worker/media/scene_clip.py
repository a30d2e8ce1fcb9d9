"""The file of a scene, as it goes into a video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kinolog.storyboard.shots import Transition


@dataclass(frozen=True, slots=True)
class SceneClip:
    """The file of a scene and the transition into it."""

    path: Path
    frames: int
    transition: Transition

    def transition_frames(self, fps: int) -> int:
        """Return how many frames a fade or dissolve at either end of the scene lasts."""
        return max(1, min(fps // 2, self.frames // 3))
