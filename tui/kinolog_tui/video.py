"""Pictures of a video or an image, small enough for a terminal. PyAV, which decodes, is loaded when it is used."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

MOST_PICTURES = 1_200
"""Of a longer clip, pictures are left out evenly: each takes columns x rows x 6 bytes."""
PLAIN_FPS = 8.0


class CannotDecode(Exception):
    """Why there is nothing to see, in words that say what to do."""


@dataclass(frozen=True, slots=True)
class Picture:
    """`height` rows of `width` pixels of red, green and blue, a byte each."""

    width: int
    height: int
    rgb: bytes


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures and how many of them are shown in a second."""

    pictures: tuple[Picture, ...]
    fps: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pictures) / self.fps


def decode(source: Path | bytes, columns: int, rows: int) -> Clip:
    """All pictures, scaled to fit `columns` by `rows` cells of two pixels each. Raises CannotDecode."""
    try:
        import av
    except ImportError as error:
        raise CannotDecode(
            "Playing here needs PyAV: pip install 'kinolog[tui]'. o opens the video."
        ) from error
    try:
        with av.open(str(source) if isinstance(source, Path) else BytesIO(source), "r") as file:
            stream = file.streams.video[0]
            every = max(1, -(-(stream.frames or 1) // MOST_PICTURES))
            fps = float(stream.average_rate or PLAIN_FPS) / every
            width, height = _fitted(stream.width, stream.height, columns, rows)
            pictures: list[Picture] = []
            for index, frame in enumerate(file.decode(stream)):
                if index % every == 0 and len(pictures) < MOST_PICTURES:
                    small = frame.reformat(width=width, height=height, format="rgb24")
                    pictures.append(Picture(width, height, _packed(small.planes[0], width, height)))
    except (av.FFmpegError, IndexError, OSError, ValueError) as error:
        raise CannotDecode(
            f"This video cannot be decoded here ({type(error).__name__}). o opens it."
        ) from error
    if not pictures:
        raise CannotDecode("The video holds no pictures.")
    return Clip(tuple(pictures), fps)


def _fitted(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """The greatest size in pixels, of even height, with the shape of the video."""
    scale = min(columns / width, rows * 2 / height)
    return max(2, round(width * scale)), max(2, round(height * scale) // 2 * 2)


def _packed(plane: object, width: int, height: int) -> bytes:
    """The bytes of a plane without the padding at the end of its lines."""
    raw, line = bytes(plane), plane.line_size  # type: ignore[call-overload,attr-defined]  # a buffer of PyAV
    return b"".join(raw[row * line : row * line + width * 3] for row in range(height))
