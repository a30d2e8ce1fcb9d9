"""The formats of exports."""

from __future__ import annotations

from enum import StrEnum


class ExportFormat(StrEnum):
    """What a video is exported as."""

    GIF = "gif"
    WEBP = "webp"
    PNG = "png"

    @property
    def media_type(self) -> str:
        """Media type of the file. Pictures come in one archive."""
        return {"gif": "image/gif", "webp": "image/webp", "png": "application/zip"}[self]

    @property
    def suffix(self) -> str:
        """End of the file's name."""
        return ".zip" if self is ExportFormat.PNG else f".{self}"
