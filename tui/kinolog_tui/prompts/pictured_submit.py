"""The submission of a video that may begin with a picture: the picture is uploaded first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kinolog_client import AsyncKinologClient, CommandInfo, VideoInput, VideoRequest


class PictureUnreadable(OSError):
    """The picture cannot be read. The text names it and the reason."""


async def submit_with_picture(
    client: AsyncKinologClient, request: VideoRequest, picture: Path | None, request_id: str
) -> CommandInfo:
    """Submit a video. Raises `GatewayError`, `PictureUnreadable`."""
    if picture is not None:
        try:
            upload = await client.upload_input(picture)
        except OSError as error:
            raise PictureUnreadable(f"{picture} cannot be read: {error.strerror or error}.") from error
        request = replace(request, inputs=[VideoInput("first_frame", upload.upload_id)])
    return await client.submit(request, request_id=request_id)
