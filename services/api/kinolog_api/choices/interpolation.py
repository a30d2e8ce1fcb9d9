"""The frame rate to which a request wants frames computed, checked. Pure."""

from __future__ import annotations

from kinolog.models.postprocess.interpolation import FACTORS, LEAST_SIDE
from kinolog_api.rpc.errors import RequestViolation


def interpolation_violations(interpolate_fps: int, fps: int, size: tuple[int, int]) -> list[RequestViolation]:
    """Return what is wrong with the rate of a job that draws so many frames per second, for a video of this size."""
    if not interpolate_fps:
        return []
    if interpolate_fps not in [factor * fps for factor in FACTORS]:
        choice = " or ".join(str(factor * fps) for factor in FACTORS)
        problem = f"must be {choice}: {' or '.join(map(str, FACTORS))} times the {fps} that are drawn"
        return [RequestViolation("interpolate_fps", problem)]
    if min(size) >= LEAST_SIDE:
        return []
    problem = f"needs sides of at least {LEAST_SIDE} pixels, and not {size[0]}x{size[1]}: leave it out"
    return [RequestViolation("interpolate_fps", problem)]
