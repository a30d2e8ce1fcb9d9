"""What a job costs: a measure of the work that it asks for, before anyone knows how long it takes. Pure."""

from __future__ import annotations

from typing import Protocol

UNIT = 1_000_000
"""Pixels that one step draws for a cost of 1."""
UPSCALED_FRAME_STEPS = 4
"""Steps that the enlargement of a frame counts as."""
INTERPOLATED_FRAME_STEPS = 1
"""Steps that a computed frame counts as."""


class DrawnVideo(Protocol):
    """What a job draws; sizes in pixels."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def frames(self) -> int:
        """Frames of all scenes together."""
        ...

    @property
    def fps(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def upscaler(self) -> str: ...
    @property
    def interpolate_fps(self) -> int: ...


def job_cost(video: DrawnVideo) -> int:
    """Return millions of pixels times frames times steps, rounded up, at least 1."""
    steps = video.frames * (video.steps + (UPSCALED_FRAME_STEPS if video.upscaler else 0))
    if video.interpolate_fps > video.fps:
        computed = video.frames * (video.interpolate_fps - video.fps) // video.fps
        steps += computed * INTERPOLATED_FRAME_STEPS
    return max(1, -(-video.width * video.height * steps // UNIT))
