"""Plan the storyboard: the scenes of a clip, the length of each and the transition into it.

Pure and deterministic: the same request gives the same scenes on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate

from kinolog.storyboard.camera import Camera, camera_in
from kinolog.storyboard.shots import Transition, joined, marked_shots

MAX_SCENES = 32
"""Maximum number of scenes; the rest of the prompt joins the last one."""

MAX_PROMPT_CHARACTERS = 4_000
"""Limit of a prompt, also of one that is made from the prompts of scenes, and of a negative prompt."""

MIN_SCENE_SECONDS = 1.0
MIN_SCENE_FRAMES = 5


class Shots(StrEnum):
    """What a prompt without a list of scenes is: one shot, or shots that it marks itself."""

    ONE = "one"
    AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSpec:
    """A scene to plan. Without `seconds` it has an equal share of the clip, without `seed` that of the job."""

    prompt: str
    seconds: float | None = None
    transition: Transition = Transition.CUT
    seed: int | None = None


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


def plan_storyboard(
    prompt: str, *, shots: Shots | Sequence[SceneSpec] = Shots.ONE, frames: int, fps: int, seed: int
) -> tuple[PlannedScene, ...]:
    """Return the scenes of a clip of exactly `frames` frames. All have the seed of the job unless a scene has its own.

    The prompt is one shot; with `AUTO` it is cut at its marks. With a list of scenes it precedes the prompt of each.
    Raises `ValueError` for a blank prompt, for no frames and for more scenes than frames.
    """
    if frames < 1 or fps < 1:
        raise ValueError("frames and fps must be at least 1")
    scenes = _requested(prompt, shots, max_scenes(frames, fps))
    if not all(scene.prompt.strip() for scene in scenes):
        raise ValueError("the prompt is blank")
    if len(scenes) > frames:
        raise ValueError("there are more scenes than frames")
    counts = _frame_counts([scene.seconds for scene in scenes], frames, fps)
    starts = accumulate(counts, initial=0)
    return tuple(
        PlannedScene(
            index=index,
            prompt=scene.prompt,
            start_seconds=start / fps,
            duration_seconds=count / fps,
            frames=count,
            camera=camera_in(scene.prompt),
            transition=scene.transition,
            seed=seed if scene.seed is None else scene.seed,
        )
        for index, (scene, count, start) in enumerate(zip(scenes, counts, starts, strict=False))
    )


def _requested(prompt: str, shots: Shots | Sequence[SceneSpec], most: int) -> Sequence[SceneSpec]:
    match shots:
        case Shots.ONE:
            return [SceneSpec(prompt=prompt)]
        case Shots.AUTO:
            return _marked(prompt, most)
    return [
        SceneSpec(
            prompt=joined((prompt.strip(), scene.prompt.strip())),
            seconds=scene.seconds,
            transition=scene.transition,
            seed=scene.seed,
        )
        for scene in shots
    ]


def _marked(prompt: str, most: int) -> list[SceneSpec]:
    """Return the scenes that a prompt marks. Nothing can dissolve into the first."""
    scenes = [
        SceneSpec(prompt=shot.text, seconds=shot.seconds, transition=shot.transition)
        for shot in marked_shots(prompt, most).shots
    ]
    if scenes[0].transition is Transition.DISSOLVE:
        scenes[0] = replace(scenes[0], transition=Transition.CUT)
    return scenes


def _frame_counts(lengths: Sequence[float | None], frames: int, fps: int) -> list[int]:
    """Divide frames in proportion to the lengths of the scenes. Scenes without one share the rest equally.

    Lengths that fill the clip are kept to a frame: they are not stretched to its whole number of frames. No scene has
    less than five frames, unless there are too few for that.
    """
    if len(lengths) == 1:
        return [frames]
    weights = _weights(lengths, frames / fps)
    least = min(MIN_SCENE_FRAMES, frames // len(weights))
    total = sum(weights)
    if round(total * fps) == frames:
        total = frames / fps
    counts: list[int] = []
    shown = 0
    for order, reached in enumerate(accumulate(weights), start=1):
        end = min(
            max(round(frames * reached / total), shown + least), frames - least * (len(weights) - order)
        )
        counts.append(end - shown)
        shown = end
    return counts


def _weights(lengths: Sequence[float | None], seconds: float) -> list[float]:
    known = [length for length in lengths if length]
    if not known:
        return [1.0] * len(lengths)
    rest = (seconds - sum(known)) / max(1, len(lengths) - len(known))
    return [length or (rest if rest > 0 else sum(known) / len(known)) for length in lengths]


def max_scenes(frames: int, fps: int) -> int:
    """Return the maximum number of scenes of a clip: none is shorter than a second or five frames."""
    shortest = max(MIN_SCENE_FRAMES, round(fps * MIN_SCENE_SECONDS))
    return max(1, min(MAX_SCENES, frames // shortest))
