"""Small pictures of a video: a thumbnail (JPEG) and a moving preview (animated WebP)."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from kinolog_worker.renderers.renderer import Frames

THUMBNAIL_SIDE_PIXELS = 320
PREVIEW_SIDE_PIXELS = 128
PREVIEW_PICTURES = 8


class ThumbnailCollector:
    """Picks pictures while a video is decoded; hand its `take` to `verify`."""

    def __init__(self, frames: int, fps: int) -> None:
        count = min(PREVIEW_PICTURES, frames)
        self._wanted = {round(place * (frames - 1) / max(1, count - 1)) for place in range(count)}
        self._middle = frames // 2
        self._milliseconds = max(20, round(1000 * frames / fps / max(1, len(self._wanted))))
        self._pictures: list[Image.Image] = []
        self._thumbnail: Image.Image | None = None

    def take(self, index: int, frame: VideoFrame) -> None:
        """Look at frame `index` and keep a small copy when it is one of those wanted."""
        if index == self._middle:
            self._thumbnail = _scaled(frame, THUMBNAIL_SIDE_PIXELS)
        if index in self._wanted:
            self._pictures.append(_scaled(frame, PREVIEW_SIDE_PIXELS))

    def thumbnail_jpeg(self) -> bytes:
        """The middle frame as a JPEG."""
        if self._thumbnail is None:
            raise ValueError("the middle frame was not seen")
        return _jpeg(self._thumbnail, quality=85)

    def preview_webp(self) -> bytes:
        """Some frames, evenly spread, as an animation that lasts as long as the video."""
        out = BytesIO()
        first, *rest = self._pictures
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


def jpeg_of(picture: Frames, side_pixels: int = PREVIEW_SIDE_PIXELS) -> bytes:
    """One RGB picture, shape (height, width, 3), as a small JPEG no larger than `side_pixels` on a side."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((side_pixels, side_pixels))
    return _jpeg(image, quality=75)


def _scaled(frame: VideoFrame, side_pixels: int) -> Image.Image:
    factor = min(1.0, side_pixels / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * factor)), max(1, round(frame.height * factor))
    small = frame.reformat(
        width=width,
        height=height,
        format="rgb24",
        interpolation="AREA",
        src_colorspace="ITU709",
        src_color_range="MPEG",
        dst_color_range="JPEG",
    )
    return Image.fromarray(small.to_ndarray())


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()
