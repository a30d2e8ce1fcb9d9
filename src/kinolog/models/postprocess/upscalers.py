"""Upscalers of the catalogue: where each comes from, under which licence, and how much it enlarges frames."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kinolog.models.hub.hub_model import HubModel, hub_source

MOST_VIDEO_SIDE = 8192
"""The longest side of a video, in pixels."""

MOST_VIDEO_PIXELS = 35_651_584
"""The most pixels in a frame of a video: what H.264 and H.265 have at their highest levels, such as 8192x4320."""


class UpscalerEntry(BaseModel):
    """One upscaler. It enlarges a frame in tiles that overlap, all sides in pixels of the drawn frame."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")
    description: str = ""
    source: str = Field(min_length=1, description="Folder or hub name of a Swin2SR model of transformers.")
    revision: str | None = Field(None, description="Of a hub name.")
    sha256: str = Field(
        "", pattern=r"^([0-9a-f]{64})?$", description="Of the weights. It is checked if stated."
    )
    licence: str = Field(min_length=1, max_length=200)
    scale: Literal[2, 4]
    tile: int = Field(256, ge=64, le=2048, multiple_of=8, description="Side of a tile.")
    overlap: int = Field(32, ge=0, multiple_of=8, description="What neighbouring tiles share.")
    allow_download: bool = False
    cache_folder: Path | None = None

    @model_validator(mode="after")
    def _tiles_advance(self) -> Self:
        if 2 * self.overlap > self.tile:
            raise ValueError(f"overlap: must be at most {self.tile // 2}, half of the tile")
        return self

    @property
    def hub_model(self) -> HubModel | None:
        """The model of the hub that it names; None for a folder."""
        return hub_source(self.source, self.revision, self.cache_folder)

    def enlarged(self, width: int, height: int) -> tuple[int, int]:
        """Return the size of a frame after it was enlarged."""
        return width * self.scale, height * self.scale

    def takes_size(self, width: int, height: int) -> bool:
        """Return whether a frame of this size becomes one that a video can have."""
        wide, high = self.enlarged(width, height)
        return max(wide, high) <= MOST_VIDEO_SIDE and wide * high <= MOST_VIDEO_PIXELS
