"""Decodes a video or an image to pictures that fit a terminal. PyAV is imported at its first use."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

MAX_PICTURES = 1_200
MAX_BYTES = 200_000_000
"""Limits of a clip. From a longer one, pictures are left out evenly."""
MAX_PIXELS = 200_000
"""Limit of a picture. A terminal cannot draw more pixels several times a second."""
PLAIN_FPS = 8.0
HALF_BLOCKS = (1, 2)
"""Width and height of a cell in pixels, where a half block is one pixel."""


class DecodeFailed(Exception):
    """Why a file cannot be decoded, and what to do."""


@dataclass(frozen=True, slots=True)
class PixelBox:
    """`columns` by `rows` cells of `cell` pixels. Without `enlarge`, the terminal enlarges small pictures."""

    columns: int
    rows: int
    cell: tuple[int, int] = HALF_BLOCKS
    enlarge: bool = True

    def cells(self, picture: Picture) -> tuple[int, int]:
        """Return the columns and rows of a picture scaled to fill this box with its aspect ratio."""
        across, down = self.cell
        scale = _scale(picture.width, picture.height, self)
        columns, rows = picture.width * scale / across, picture.height * scale / down
        return max(1, min(self.columns, ceil(columns))), max(1, min(self.rows, ceil(rows)))


@dataclass(frozen=True, slots=True)
class Picture:
    """`height` rows of `width` pixels: red, green and blue, a byte each."""

    width: int
    height: int
    pixels: bytes


@dataclass(frozen=True, slots=True)
class DecodedClip:
    """Pictures, and how many of them are shown per second."""

    pictures: tuple[Picture, ...]
    fps: float

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.pictures) / self.fps


def decode(source: Path | bytes, box: PixelBox) -> DecodedClip:
    """Return all pictures, scaled to fit the box. Raises `DecodeFailed`."""
    try:
        import av
    except ImportError as error:
        raise DecodeFailed(
            "Playing here needs PyAV: pip install 'kinolog[tui]'. {job.open} opens the video."
        ) from error
    try:
        with av.open(str(source) if isinstance(source, Path) else BytesIO(source), "r") as file:
            stream = file.streams.video[0]
            width, height = _fitted_size(stream.width, stream.height, box)
            most = max(1, min(MAX_PICTURES, MAX_BYTES // (width * height * 3)))
            every = max(1, -(-(stream.frames or 1) // most))
            fps = float(stream.average_rate or PLAIN_FPS) / every
            pictures: list[Picture] = []
            for index, frame in enumerate(file.decode(stream)):
                if index % every == 0 and len(pictures) < most:
                    small = frame.reformat(width=width, height=height, format="rgb24")
                    pictures.append(
                        Picture(width, height, _without_padding(small.planes[0], width * 3, height))
                    )
    except (av.FFmpegError, IndexError, OSError, ValueError) as error:
        raise DecodeFailed(
            f"This video cannot be decoded here ({type(error).__name__}). {{job.open}} opens it."
        ) from error
    if not pictures:
        raise DecodeFailed("The video holds no pictures.")
    return DecodedClip(tuple(pictures), fps)


def _scale(width: int, height: int, box: PixelBox) -> float:
    across, down = box.cell
    return min(box.columns * across / width, box.rows * down / height)


def _fitted_size(width: int, height: int, box: PixelBox) -> tuple[int, int]:
    """Return the largest size in pixels, of even height, with the aspect ratio of the video."""
    scale = min(_scale(width, height, box), (MAX_PIXELS / (width * height)) ** 0.5)
    scale = scale if box.enlarge else min(1.0, scale)
    return max(2, round(width * scale)), max(2, round(height * scale) // 2 * 2)


def _without_padding(plane: Any, width: int, height: int) -> bytes:
    """Return the bytes of a plane of PyAV without the padding after each line of `width` bytes."""
    raw, line = bytes(plane), plane.line_size
    return b"".join(raw[row * line : row * line + width] for row in range(height))
