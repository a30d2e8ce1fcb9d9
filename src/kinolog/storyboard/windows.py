"""Long scenes cut into windows that a model draws one after the other, each from the end of the one before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from kinolog.storyboard.planner import PlannedScene
from kinolog.storyboard.shots import Transition

_SEED_LIMIT = 2**53
"""Seeds are less than this: clients keep them as floats."""


def cut_into_windows(scenes: Sequence[PlannedScene], most: int, fps: int) -> tuple[PlannedScene, ...]:
    """Return the scenes with each one of more than `most` frames as windows of about the same length.

    Windows have the prompt of their scene and follow each other by cuts. Each has the next seed: the same noise would
    repeat the same motion.
    """
    windows: list[PlannedScene] = []
    for scene in scenes:
        count = ceil(scene.frames / most)
        start = round(scene.start_seconds * fps)
        ends = [scene.frames * (number + 1) // count for number in range(count)]
        for number, (shown, end) in enumerate(zip([0, *ends], ends, strict=False)):
            windows.append(
                replace(
                    scene,
                    index=len(windows),
                    frames=end - shown,
                    start_seconds=(start + shown) / fps,
                    duration_seconds=(end - shown) / fps,
                    transition=Transition.CUT if number else scene.transition,
                    seed=(scene.seed + number) % _SEED_LIMIT,
                )
            )
    return tuple(windows)


def whole_scene_frames(windows: Sequence[PlannedScene]) -> list[int]:
    """Return the lengths of the scenes that were cut into these windows: a window goes on with the seed after."""
    lengths: list[int] = []
    before: PlannedScene | None = None
    for window in windows:
        if before is not None and _continues(window, before):
            lengths[-1] += window.frames
        else:
            lengths.append(window.frames)
        before = window
    return lengths


def _continues(window: PlannedScene, before: PlannedScene) -> bool:
    is_next = window.seed == (before.seed + 1) % _SEED_LIMIT
    return is_next and window.prompt == before.prompt and window.transition is Transition.CUT
