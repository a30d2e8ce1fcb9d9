"""How much memory autoencoders take while they decode, by class: the table `autoencoders.toml` beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kinolog.models.table_row import row_as

TABLE = Path(__file__).with_name("autoencoders.toml")

JOINED_TILES = 9
"""Values for each pixel of the clip while tiles are joined: tiles that overlap, rows of them, and the clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeMemory:
    """Values that an autoencoder holds while it decodes.

    Of a whole picture: `per_pixel` for each pixel of a frame and `per_pixel_frame` for each pixel of the clip. Of one
    tile: `tile`, and `tile_frame` for each frame. An autoencoder without values for tiles decodes none. One that
    `always_tiles` decodes nothing else.
    """

    per_pixel: int = 0
    per_pixel_frame: int = 0
    tile: int = 0
    tile_frame: int = 0
    always_tiles: bool = False

    @property
    def has_tiles(self) -> bool:
        """Whether it can decode in tiles."""
        return bool(self.tile or self.tile_frame)

    def whole_values(self, pixels: int, frames: int, *, streamed: bool) -> int:
        """Return the values of a clip that is decoded whole, or frame by frame if `streamed`."""
        if self.always_tiles:
            return self.tile + self.per_pixel_frame * pixels * frames
        whole = 0 if streamed else self.per_pixel_frame * pixels * frames
        return self.per_pixel * pixels + whole

    def tiled_values(self, pixels: int, frames: int) -> int:
        """Return the values of a clip that is decoded in tiles: at most those of the whole clip."""
        tiled = self.tile + (self.tile_frame + JOINED_TILES * pixels) * frames
        whole = self.whole_values(pixels, frames, streamed=False)
        return min(tiled, whole) if self.has_tiles else whole


UNKNOWN_AUTOENCODER = DecodeMemory(per_pixel_frame=800)
"""What an autoencoder that is not in the table is taken for: the one that takes most."""


@cache
def autoencoders() -> Mapping[str, DecodeMemory]:
    """Return the table, by class of diffusers."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {name: row_as(DecodeMemory, row) for name, row in rows.items()}


def decode_memory(config: Mapping[str, Any]) -> DecodeMemory:
    """Return the memory of an autoencoder by its configuration."""
    name = f"{config.get('_class_name', '')}{', residual' if config.get('is_residual') else ''}"
    return autoencoders().get(name, UNKNOWN_AUTOENCODER)
