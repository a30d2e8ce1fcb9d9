"""Plan the storyboard: the scenes of a prompt, the length of each and the transition into it.

Pure and deterministic: the same prompt, length and seed give the same scenes on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from kinolog.storyboard.camera import Camera, camera_in
from kinolog.storyboard.shots import Transition, shots_in

MAX_SCENES = 32
"""Maximum number of scenes; the rest of the prompt joins the last one."""

MIN_SCENE_SECONDS = 1.0
MIN_SCENE_FRAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedScene:
    """A scene of the clip. Scenes follow each other without gaps; `index` counts from 0."""

    index: int
    prompt: str
    start_seconds: float
    duration_seconds: float
    frames: int
    camera: Camera
    transition: Transition
    seed: int


def plan_storyboard(prompt: str, *, frames: int, fps: int, seed: int) -> tuple[PlannedScene, ...]:
    """Return the scenes of a clip of exactly `frames` frames. Raises `ValueError` for a blank prompt or no frames.

    The first scene has the seed of the job, so a clip of one scene is what the model alone makes of the prompt.
    """
    if not prompt.strip():
        raise ValueError("the prompt is blank")
    if frames < 1 or fps < 1:
        raise ValueError("frames and fps must be at least 1")
    shots = shots_in(prompt, max_scenes(frames, fps))
    counts = [frames // len(shots) + (index < frames % len(shots)) for index in range(len(shots))]
    return tuple(
        PlannedScene(
            index=index,
            prompt=shot.text,
            start_seconds=sum(counts[:index]) / fps,
            duration_seconds=counts[index] / fps,
            frames=counts[index],
            camera=camera_in(shot.text),
            transition=shot.transition,
            seed=seed if index == 0 else _scene_seed(seed, index),
        )
        for index, shot in enumerate(shots)
    )


def max_scenes(frames: int, fps: int) -> int:
    """Return the maximum number of scenes of a clip: none is shorter than a second or five frames."""
    shortest = max(MIN_SCENE_FRAMES, round(fps * MIN_SCENE_SECONDS))
    return max(1, min(MAX_SCENES, frames // shortest))


def _scene_seed(seed: int, index: int) -> int:
    """Return the seed of a later scene: 32 bits from the seed of the job and the index."""
    return int.from_bytes(sha256(f"{seed}/{index}".encode()).digest()[:4], "big")
