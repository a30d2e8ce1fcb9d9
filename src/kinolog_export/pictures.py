"""A video as an archive of PNG files, one per frame. The same video gives the same bytes."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from PIL import Image

from kinolog_export.decoded_frames import decoded

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The time of every file: archives know no earlier one."""

_READABLE = 0o644 << 16


def write_pictures(source: BinaryIO, target: BinaryIO) -> None:
    """Write `frame-00000.png` and so on. PNG is compressed, so the archive stores it as it is."""
    with decoded(source) as video, ZipFile(target, "w", ZIP_STORED) as archive:
        for index, frame in enumerate(video.frames):
            picture = BytesIO()
            Image.fromarray(frame.to_ndarray()).save(picture, "PNG")
            entry = ZipInfo(f"frame-{index:05}.png", _FIRST_DAY)
            entry.external_attr = _READABLE
            archive.writestr(entry, picture.getvalue())
