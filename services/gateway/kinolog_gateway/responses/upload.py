"""An upload in REST responses."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.enum_names import to_datetime
from kinolog_gateway.responses.job_parts import ResponseModel


class UploadView(ResponseModel):
    """A picture or clip that jobs can start from until it expires."""

    upload_id: str = Field(
        description="What `inputs` of POST /api/v1/generate names.", examples=["abcdefghijklmnopqrstuvwxyz"]
    )
    sha256: str = Field(description="SHA-256 of the file, in hexadecimal.")
    media_type: str = Field(description="As read from the bytes.", examples=["image/png"])
    size_bytes: int
    width: int | None = Field(description="Width of a picture in pixels, as it is stored; null for a clip.")
    height: int | None
    expires_at: datetime = Field(description="Jobs can be submitted with it until then.")

    @classmethod
    def of(cls, upload: pb.Upload) -> UploadView:
        """Return the view of an upload."""
        return cls(
            upload_id=upload.id,
            sha256=upload.sha256,
            media_type=upload.media_type,
            size_bytes=upload.size_bytes,
            width=upload.width or None,
            height=upload.height or None,
            expires_at=to_datetime(upload.expires_at),
        )
