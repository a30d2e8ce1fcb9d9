"""Uploads."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.models.base import ClientModel


class UploadInfo(ClientModel):
    """A picture or clip that videos can start from until it expires. `upload_id` goes into a `VideoInput`.

    `width` and `height` are those of a picture in pixels, None for a clip.
    """

    upload_id: str
    sha256: str
    media_type: str
    size_bytes: int
    width: int | None = None
    height: int | None = None
    expires_at: datetime
