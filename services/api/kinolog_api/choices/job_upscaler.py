"""The upscaler of a request, checked against the catalogue. Pure."""

from __future__ import annotations

from kinolog.models.catalogue import Catalogue
from kinolog.models.postprocess.upscalers import MOST_VIDEO_PIXELS, MOST_VIDEO_SIDE
from kinolog_api.rpc.errors import RequestViolation

_MILLION = 1_000_000


def upscaler_violations(name: str, width: int, height: int, catalogue: Catalogue) -> list[RequestViolation]:
    """Return what is wrong with the upscaler of a job that draws frames of this size."""
    if not name:
        return []
    upscaler = catalogue.upscalers.get(name)
    if upscaler is None:
        known = f"there are {', '.join(catalogue.upscalers)}" if catalogue.upscalers else "there is none"
        return [RequestViolation("upscaler", f"there is no upscaler {name}; {known}")]
    if upscaler.takes_size(width, height):
        return []
    wide, high = upscaler.enlarged(width, height)
    problem = (
        f"{name} makes {wide}x{high} of {width}x{height}, and a video has sides of at most {MOST_VIDEO_SIDE:,} pixels "
        f"and {MOST_VIDEO_PIXELS / _MILLION:.1f} million pixels in a frame: choose a smaller size, or none"
    )
    return [RequestViolation("upscaler", problem)]


def result_size(name: str, width: int, height: int, catalogue: Catalogue) -> tuple[int, int]:
    """Return the size of the video of a job that draws frames of this size."""
    upscaler = catalogue.upscalers.get(name)
    return (width, height) if upscaler is None else upscaler.enlarged(width, height)
