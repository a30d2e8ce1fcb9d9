"""Pictures of users, decoded as people see them. Nothing in such a file is trusted."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageOps

Picture: TypeAlias = Image.Image
"""A picture in RGB."""

MOST_PIXELS = 8192 * 8192
"""The largest picture, or frame of a video, that is decoded."""

_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


class InputUnreadable(Exception):
    """A picture or a video of the user cannot be used. The message states why, without words or names of the user."""

    code = "INPUT_UNREADABLE"


def read_picture(path: Path, media_type: str) -> Picture:
    """Return a picture in RGB, upright as its EXIF says, with white where it is transparent.

    Colours are taken as sRGB: a profile in the file is ignored. Raises InputUnreadable for a file that is damaged,
    animated, of another type than `media_type`, or larger than MOST_PIXELS. Raises OSError if the file cannot be read.
    """
    if media_type not in _FORMATS:
        raise InputUnreadable(f"{media_type} is no type of picture; use {', '.join(_FORMATS)}")
    content = BytesIO(path.read_bytes())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(content, formats=[_FORMATS[media_type]]) as opened:
                _check(opened)
                return _in_rgb(ImageOps.exif_transpose(opened))
    except (InputUnreadable, MemoryError):
        raise
    except Exception as error:  # the decoders raise many kinds for damaged files, some with words of the file
        kind = media_type.removeprefix("image/")
        raise InputUnreadable(f"the picture is damaged or no {kind} ({type(error).__name__})") from None


def fitted(picture: Picture, width: int, height: int) -> Picture:
    """Return the picture in this size: scaled until it covers it, and cut at the longer sides."""
    return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)


def uncut(picture: Picture, width: int, height: int, scale: int) -> Picture:
    """Return a picture of this size whose pixels, repeated `scale` times on each side, have `picture` as their middle.

    What was cut off is not known: the pixels at the edges are repeated there.
    """
    left, top = (width * scale - picture.width) // 2, (height * scale - picture.height) // 2
    right, bottom = width * scale - picture.width - left, height * scale - picture.height - top
    padded = np.pad(np.asarray(picture), ((top, bottom), (left, right), (0, 0)), mode="edge")
    return Image.fromarray(padded).reduce(scale)


def within(picture: Picture, width: int, height: int) -> Picture:
    """Return the whole picture, made smaller if it is larger than this size."""
    smaller = picture.copy()
    smaller.thumbnail((width, height), Image.Resampling.LANCZOS)
    return smaller


def blank(width: int, height: int, shade: int = 128) -> Picture:
    """Return a picture of one grey, 0 for black to 255 for white."""
    return Image.new("RGB", (width, height), (shade, shade, shade))


def _check(opened: Image.Image) -> None:
    """Raise InputUnreadable for a picture that is too large or moves, before it is decoded."""
    if opened.width * opened.height > MOST_PIXELS:
        raise InputUnreadable(f"the picture has more than {MOST_PIXELS} pixels")
    # A JPEG with several pictures is that of a phone, which adds a map of depths: the first one is the picture.
    if opened.format in ("PNG", "WEBP") and getattr(opened, "is_animated", False):
        raise InputUnreadable("the picture is animated")


def _in_rgb(picture: Image.Image) -> Picture:
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    opaque = Image.new("RGBA", picture.size, "white")
    opaque.alpha_composite(picture.convert("RGBA"))
    return opaque.convert("RGB")
