"""A video as one JPEG of small frames, in rows from its first frame on. The same video gives the same bytes."""

from __future__ import annotations

from io import BytesIO
from math import ceil
from typing import BinaryIO

from PIL import Image

from kinolog_export.decoded_frames import decoded

MOST_FRAMES = 64
COLUMNS = 8
LONGEST_SIDE = 160
"""Pixels of a small frame."""


def write_sprite_sheet(source: BinaryIO, target: BinaryIO) -> None:
    """Write every frame of a short video, and every second one, every fourth one and so on of a longer one."""
    with decoded(source) as video:
        scale = min(1.0, LONGEST_SIDE / max(video.width, video.height))
        width, height = max(1, round(video.width * scale)), max(1, round(video.height * scale))
        cells: list[Image.Image] = []
        step = 1
        for index, frame in enumerate(video.frames):
            if index % step:
                continue
            if len(cells) == MOST_FRAMES:
                del cells[1::2]
                step *= 2
                if index % step:
                    continue
            cells.append(Image.fromarray(frame.to_ndarray()).resize((width, height), Image.Resampling.BOX))
    columns = min(COLUMNS, len(cells))
    sheet = Image.new("RGB", (columns * width, ceil(len(cells) / COLUMNS) * height))
    for index, cell in enumerate(cells):
        sheet.paste(cell, (index % COLUMNS * width, index // COLUMNS * height))
    picture = BytesIO()
    sheet.save(picture, "JPEG", quality=85)
    target.write(picture.getvalue())
