"""The formats of exports."""

from __future__ import annotations

from enum import StrEnum


class ExportFormat(StrEnum):
    """What a video is exported as."""

    GIF = "gif"
    WEBP = "webp"
    PNG = "png"
    SPRITE_SHEET = "spritesheet"

    @property
    def media_type(self) -> str:
        """Media type of the file. Pictures come in one archive."""
        types = {
            "gif": "image/gif",
            "webp": "image/webp",
            "png": "application/zip",
            "spritesheet": "image/jpeg",
        }
        return types[self]

    @property
    def suffix(self) -> str:
        """End of the file's name."""
        return {ExportFormat.PNG: ".zip", ExportFormat.SPRITE_SHEET: ".jpg"}.get(self, f".{self}")
