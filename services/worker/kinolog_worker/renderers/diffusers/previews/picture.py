"""The picture of a preview: what the clip shows of a picture that the model draws."""

from __future__ import annotations

from kinolog_worker.media.frames import Frames
from kinolog_worker.media.thumbnails import PREVIEW_SIDE_PIXELS, jpeg_of_part
from kinolog_worker.renderers.canvas import Canvas
from kinolog_worker.renderers.renderer import SceneRequest


def clip_jpeg(pixels: Frames, request: SceneRequest, canvas: Canvas) -> bytes:
    """Return a picture of the canvas, of any size, as a small JPEG with the margins cut off that no clip shows.

    It has the proportions of the clip, and at most as many pixels on a side as the model draws.
    """
    height, width = pixels.shape[:2]
    shown_width = min(1.0, request.width / canvas.scale / canvas.width) * width
    shown_height = min(1.0, request.height / canvas.scale / canvas.height) * height
    left, top = (width - shown_width) / 2, (height - shown_height) / 2
    longest = max(request.width, request.height)
    factor = min(PREVIEW_SIDE_PIXELS, longest / canvas.scale) / longest
    size = (max(1, round(request.width * factor)), max(1, round(request.height * factor)))
    return jpeg_of_part(pixels, (left, top, left + shown_width, top + shown_height), size)
