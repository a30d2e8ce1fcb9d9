"""Small images of a video and of its scenes: a thumbnail (JPEG) and an animated preview (WebP)."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from kinolog_worker.media.conversion import EXACT_AREA
from kinolog_worker.media.frames import Frames

THUMBNAIL_SIDE_PIXELS = 320
PREVIEW_SIDE_PIXELS = 128
PREVIEW_FRAMES = 8


class ThumbnailCollector:
    """Collects frames while a video is decoded. Pass `add_frame` to `verify_video`."""

    def __init__(self, *, frames: int, fps: float) -> None:
        count = min(PREVIEW_FRAMES, frames)
        self._preview_indices = {round(number * (frames - 1) / max(1, count - 1)) for number in range(count)}
        self._middle = frames // 2
        self._milliseconds = max(20, round(1000 * frames / fps / max(1, len(self._preview_indices))))
        self._preview_frames: list[Image.Image] = []
        self._thumbnail: Image.Image | None = None

    def add_frame(self, index: int, frame: VideoFrame) -> None:
        """Store a small copy of frame `index` if the thumbnail or the preview needs it."""
        if index == self._middle:
            self._thumbnail = _scaled(frame, THUMBNAIL_SIDE_PIXELS)
        if index in self._preview_indices:
            self._preview_frames.append(_scaled(frame, PREVIEW_SIDE_PIXELS))

    def thumbnail_jpeg(self) -> bytes:
        """Return the middle frame as a JPEG."""
        if self._thumbnail is None:
            raise ValueError("the middle frame was not added")
        return _jpeg(self._thumbnail, quality=85)

    def preview_webp(self) -> bytes:
        """Return evenly spaced frames as an animation that lasts as long as the video."""
        out = BytesIO()
        first, *rest = self._preview_frames
        first.save(
            out,
            "WEBP",
            save_all=True,
            append_images=rest,
            duration=self._milliseconds,
            loop=0,
            quality=60,
            method=0,
        )
        return out.getvalue()


def thumbnail_path(scene: Path) -> Path:
    """Return the place of a scene's thumbnail: beside its file."""
    return scene.with_suffix(".jpg")


class MiddleFrame:
    """Keeps a small copy of the middle frame of a scene while its frames are drawn."""

    def __init__(self, frames: int) -> None:
        self._until_middle = frames // 2
        self._jpeg = b""

    def add_frames(self, run: Frames) -> None:
        """Take the next frames of the scene, shape (frames, height, width, 3)."""
        if 0 <= self._until_middle < len(run):
            self._jpeg = jpeg_of(run[self._until_middle], THUMBNAIL_SIDE_PIXELS)
        self._until_middle -= len(run)

    def save(self, scene: Path) -> None:
        """Write the thumbnail beside the file of its scene. Raises `OSError`."""
        thumbnail_path(scene).write_bytes(self._jpeg)


def jpeg_of(frame: Frames, side_pixels: int = PREVIEW_SIDE_PIXELS) -> bytes:
    """Return one RGB frame, shape (height, width, 3), as a JPEG of at most `side_pixels` on a side."""
    image = Image.fromarray(np.ascontiguousarray(frame))
    image.thumbnail((side_pixels, side_pixels))
    return _jpeg(image, quality=75)


def jpeg_of_part(frame: Frames, part: tuple[float, float, float, float], size: tuple[int, int]) -> bytes:
    """Return a part of an RGB frame, shape (height, width, 3), as a JPEG of another size, (width, height).

    The part is left, top, right and bottom, in pixels and fractions of such.
    """
    image = Image.fromarray(np.ascontiguousarray(frame))
    return _jpeg(image.resize(size, Image.Resampling.BICUBIC, box=part), quality=75)


def _scaled(frame: VideoFrame, side_pixels: int) -> Image.Image:
    factor = min(1.0, side_pixels / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * factor)), max(1, round(frame.height * factor))
    small = frame.reformat(
        width=width,
        height=height,
        format="rgb24",
        interpolation=EXACT_AREA,
        src_colorspace="ITU709",
        src_color_range="MPEG",
        dst_color_range="JPEG",
        threads=1,
    )
    return Image.fromarray(small.to_ndarray())


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()
